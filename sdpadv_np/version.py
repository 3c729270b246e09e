"""The version of the package, in a module that imports nothing: the files that store it lie below the public face."""
__version__ = "0.2.0"
