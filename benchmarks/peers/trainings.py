"""Our trainings as the programs of other libraries read them."""
from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining
from sdpadv_np.bench.steps import CriticTraining
from sdpadv_np.models.classifier import ClassifierTraining


def program(job, classifier, sdpadv, critic) -> tuple:
    """(the job's training at its beginning, and the one of the three programs that computes it)"""
    task, _ = job.parameters["start"]()
    return task, {ClassifierTraining: classifier, SdpAdvTraining: sdpadv, CriticTraining: critic}[type(task)]


def networks(task) -> dict:
    """{name: (networks in one parameter store, their optimiser)}, in the order in which a step trains them."""
    match task:
        case ClassifierTraining():
            return {"classifier": ([task.classifier.network], task.optimiser)}
        case SdpAdvTraining():
            return {"discriminator": ([task.discriminator], task.d_optimiser),
                    "generator": ([task.generator.h_sd, task.generator.h_p], task.optimiser)}
        case CriticTraining():
            return {"critic": ([task.critic], task.optimiser)}


def arrays(task) -> tuple:
    """The arrays of which a batch has the same indices."""
    return (task.real, task.fake, task.mix) if isinstance(task, CriticTraining) else (task.x, task.y)
