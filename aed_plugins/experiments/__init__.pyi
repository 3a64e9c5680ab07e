from .ablation.report import (
    ABLATION_FILES as ABLATION_FILES,
    write_ablation_report as write_ablation_report,
)
from .ablation.variants import read_variants as read_variants
from .ablation.worker import (
    Ablation as Ablation,
    AblationWorker as AblationWorker,
)
from .command_line import (
    Experiment as Experiment,
    join_processes as join_processes,
    parse_experiment as parse_experiment,
    run_program as run_program,
    start_log as start_log,
)
from .cross_validation import CrossValidation as CrossValidation
from .evaluation_program import run_evaluation as run_evaluation
from .hyperparameter_search.plan import SearchPlan as SearchPlan
from .hyperparameter_search.space import (
    grid_points as grid_points,
    read_space as read_space,
)
from .hyperparameter_search.study import Search as Search
from .hyperparameters import Hyperparameters as Hyperparameters
from .recipe import run_recipe as run_recipe
from .recipe_options import read_values as read_values
from .recipe_runs import (
    be_interruptible as be_interruptible,
    read_commands as read_commands,
)
from .recipe_scores import DEFAULT_METRICS as DEFAULT_METRICS
from .reports.multi_label import MultiLabelReport as MultiLabelReport
from .reports.single_label import SingleLabelReport as SingleLabelReport
from .reports.task_report import TaskReport as TaskReport
from .results import (
    FoldResult as FoldResult,
    provenance as provenance,
    results_table as results_table,
    write_results as write_results,
)
