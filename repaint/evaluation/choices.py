"""What `evaluate --help` lists, without a library: the metrics of `--extra`, and the weights that they need."""

EXTRAS = ("lpips_alex", "lpips_vgg", "fid", "kid", "hole_crops", "hole_crops_efficientnet", "seams", "mirrored")
WEIGHTS = {  # file names, and where the files come from
    "lpips_alex": ("alexnet-owt-7be5be79.pth", "https://download.pytorch.org/models/"),
    "lpips_vgg": ("vgg16-397923af.pth", "https://download.pytorch.org/models/"),
    "inception": (
        "weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/",
    ),
}
