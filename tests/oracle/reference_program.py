"""SdpAdv written a second time, in PyTorch, from the paper and the file format alone: nothing of ours is imported."""
import h5py
import torch
import torch.nn.functional as F


def weights(path):
    """{name: tensor} of a saved classifier or generator."""
    found = {}
    with h5py.File(path) as file:
        file["arrays"].visititems(
            lambda name, item: found.update(
                {name: torch.from_numpy(item[()])}
            ) if isinstance(item, h5py.Dataset) else None
        )
    return found


def mlp(x, w, name, activation, layers):
    """Dense layers number 1..layers of the network ``name`` on flattened images; the last one is linear."""
    x = x.flatten(1)
    for i in range(1, layers + 1):
        x = x @ w[f"{name}/{i}/W"] + w[f"{name}/{i}/b"]
        if i < layers:
            x = activation(x)
    return x


def model_b(x, w):
    return mlp(x, w, "model_b", torch.relu, 3)


def model_a(x, w):
    x = F.pad(x, (3, 3, 3, 3))
    for i, stride in ((0, 2), (1, 2), (2, 1)):
        x = torch.relu(F.conv2d(x, w[f"model_a/{i}/W"], w[f"model_a/{i}/b"].flatten(), stride))
    return x.flatten(1) @ w["model_a/4/W"] + w["model_a/4/b"]


def generator(x, w, eps, gamma, projection, align_corners=False):
    """theta_raw, x_t, eta_raw, x_a."""
    identity = torch.tensor([1.0, 0, 0, 0, 1, 0], dtype=x.dtype)
    theta_raw = mlp(x, w, "h_sd", torch.tanh, 2)
    deviation = theta_raw - identity
    if projection == "box":
        deviation = deviation.clamp(-gamma, gamma)
    else:
        deviation = deviation * (gamma / deviation.norm(dim=1, keepdim=True)).clamp(max=1.0)
    grid = F.affine_grid((identity + deviation).view(-1, 2, 3), list(x.shape), align_corners=align_corners)
    x_t = F.grid_sample(x, grid, align_corners=align_corners)
    eta_raw = mlp(x_t, w, "h_p", torch.relu, 3).view_as(x)
    return theta_raw, x_t, eta_raw, (x_t + eta_raw.clamp(-eps, eps)).clamp(0, 1)


def loss_terms(out, y, classifier, d, eps, objective, kappa, gan_loss):
    """The four terms of Eq. 9 and the discriminator's loss; ``d`` gives logits of (fake, real)."""
    theta_raw, x_t, eta_raw, x_a = out
    z = classifier(x_a)
    if objective == "cross_entropy":
        l_adv = -F.cross_entropy(z, y)
    else:
        others = z.masked_fill(F.one_hot(y, z.shape[1]).bool(), -torch.inf).amax(1)
        l_adv = (z.gather(1, y[:, None])[:, 0] - others).clamp(min=-kappa).mean()
    l_theta = (theta_raw - torch.tensor([1.0, 0, 0, 0, 1, 0], dtype=z.dtype)).norm(dim=1).mean()
    l_eta = (eta_raw.flatten(1).norm(dim=1) - eps).clamp(min=0).mean()
    real, fake = d(x_t).log_softmax(1), d(x_a).log_softmax(1)
    l_gan = -fake[:, 1].mean() if gan_loss == "nonsaturating" else real[:, 1].mean() + fake[:, 0].mean()
    real, fake = d(x_t.detach()).log_softmax(1), d(x_a.detach()).log_softmax(1)
    return {
        "L_adv": l_adv, "L_theta": l_theta, "L_eta": l_eta, "L_GAN": l_gan,
    }, -(real[:, 1].mean() + fake[:, 0].mean())
