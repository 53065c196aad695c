"""The names that settings may have."""

STAGES = (
    *("all", "pretrain", "search", "retrain"),
    *("zoo", "import_benchmark", "tables", "proxies"),
)
STRATEGIES = (
    "random",
    "regularised_evolution",
    "local_search",
    "genetic",
    "gpt_nas",
    "surrogate",
    "gpt_nas_online",
)
BENCHMARKS = ("nasbench101", "nasbench201")
PROXIES = (
    *("params", "flops", "grad_norm", "snip", "grasp", "fisher"),
    *("synflow", "logsynflow", "jacob_cov", "naswot", "zico"),
    *("expressivity", "progressivity", "trainability"),
)
DATA_NAMES = ("digits", "cifar10", "cifar100", "imagenet2012", "folder", "npz")
WHOLE = {"genetic", "gpt_nas"}
"""The strategies that ask a whole population at a time."""

SCHEDULES = ("constant", "cosine", "step")
