"""What a search knows, in a file that several workers share: an Optuna study in SQLite.

Two locks, which the system releases when a process dies, however it dies, keep it right: the
study's, held while a trial is chosen, so that no combination is run twice; and one per trial, held
by its worker and by the recipe that runs, so that a running trial whose lock is free was
interrupted and is taken up again. They are of the system, not of the database, so the workers share
a machine, or a file system that knows such locks.

An Optuna trial that ended as failed without an outcome does not count: the combination was put back
to be run again, or is known already.
"""

import contextlib
import fcntl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from aed_plugins.core import InputError, one_line
from aed_plugins.experiments.hyperparameter_search.runs import try_lock
from aed_plugins.experiments.hyperparameter_search.space import (
    Parameters,
    Space,
    grid_points,
    name_of,
    random_points,
    size,
)

if TYPE_CHECKING:
    import optuna

GUESSES = 10  # of a guided search that may repeat what is known, before a random point is taken
PRUNE_AFTER_TRIALS = 3
# Of two trials of one combination, the later in this list counts.
ORDER = ("FAIL", "WAITING", "RUNNING", "PRUNED", "COMPLETE")


@dataclass(frozen=True)
class Aim:
    """What is searched.

    Attributes
    ----------
    space : mapping
        What may be chosen: see `space.read_space`.
    method : str
        `grid`, `random` or `guided` (by a tree-structured Parzen estimator).
    trials : int
        How many in all; a grid has as many as it has points.
    seed : int
        Of the random numbers.
    prune : int, optional
        Epochs after which a trial is stopped that is worse than the median of the others at the
        same epoch; None for never.
    configuration : mapping
        All that the figures of a trial depend on, to refuse a study of something else.
    """

    space: Space
    method: str = "grid"
    trials: int = 20
    seed: int = 1
    prune: int | None = None
    configuration: Mapping[str, str] = field(default_factory=dict)


class Claim(NamedTuple):
    """A trial that this worker runs, and the lock that says so."""

    trial: "optuna.Trial"
    lock: IO[str]


class SharedStudy:
    """The trials of a search; all methods but `locked` are called within `locked`.

    Parameters
    ----------
    folder : Path
        Keeps `study.db` and a folder per trial, named by its parameters; made if missing.
    aim : Aim
        What is searched.

    Raises
    ------
    InputError
        If the folder holds a study of something else, or a file that is no study.
    """

    def __init__(self, folder: Path, aim: Aim) -> None:
        self.folder = folder
        self.aim = aim
        folder.mkdir(parents=True, exist_ok=True)
        with self.locked():
            self._study = _open_study(folder / "study.db", aim)
            if self._bound():
                _check_same(self._study.user_attrs["configuration"], aim.configuration, folder)
            elif self._study.user_attrs["configuration"] != aim.configuration:
                self._study = _open_study(folder / "study.db", aim, anew=True)
            standing = self.standing()
            for point in self._points():
                if name_of(point) not in standing:
                    self._enqueue(point)

    @property
    def total(self) -> int:
        """How many trials there will be."""
        guided = self.aim.trials if self.aim.method == "guided" else 0
        return max(len(self.standing()), int(min(guided, size(self.aim.space))))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the other workers from choosing a trial or telling of one."""
        with (self.folder / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def standing(self) -> "dict[str, optuna.trial.FrozenTrial]":
        """Give the trial that counts for each combination, by the combination's name."""
        counting: dict[str, Any] = {}
        for trial in self._trials():
            discarded = trial.state.name == "FAIL" and "outcome" not in trial.user_attrs
            if discarded or not self._is_whole(trial):
                continue
            name = name_of(parameters_of(trial))
            rival = counting.get(name)
            if rival is None or _rank(rival) <= _rank(trial):
                counting[name] = trial
        return counting

    def begun(self) -> "list[optuna.trial.FrozenTrial]":
        """Give the trials that count and have begun."""
        return [trial for trial in self.standing().values() if trial.state.name != "WAITING"]

    def claim(self) -> Claim | None:
        """Take the next trial; None where none is left, though some may still run elsewhere.

        Raises
        ------
        InputError
            If a process of another study writes to the trial's folder.
        """
        self._put_interrupted_back()
        while True:
            known = {name_of(parameters_of(trial)) for trial in self.begun()}
            trial = self._next(known)
            if trial is None:
                return None
            name = name_of(trial.params)
            if name in known:
                self._discard(trial.number)
                continue
            trial.set_user_attr("parameters", trial.params)
            lock = self._try_lock(name)
            if lock is not None:
                return Claim(trial, lock)
            self.put_back(trial)
            raise InputError(
                f"{self.folder / name} is still being written by another run: wait for its end,"
                " or stop it"
            )

    def put_back(self, trial: Any) -> None:
        """Let a trial that was interrupted be taken up by whoever comes next."""
        self._enqueue(parameters_of(trial))
        self._discard(trial.number)

    def tell(
        self, trial: "optuna.Trial", state: str, value: float | None, outcome: Mapping[str, Any]
    ) -> "optuna.trial.FrozenTrial":
        """Record what came of a trial.

        Parameters
        ----------
        trial : optuna.Trial
            The one claimed.
        state : str
            `COMPLETE`, `PRUNED` or `FAIL`.
        value : float, optional
            Of a complete trial.
        outcome : mapping
            What else there is to keep.
        """
        import optuna  # noqa: PLC0415

        trial.set_user_attr("outcome", dict(outcome))
        return self._study.tell(trial, value, state=optuna.trial.TrialState[state])

    def is_running(self, trial: "optuna.Trial") -> bool:
        """Tell whether nothing was told of a trial yet."""
        return self._trials()[trial.number].state.name == "RUNNING"

    def retry_failed(self) -> None:
        """Have the trials that failed run again."""
        for trial in self.begun():
            if trial.state.name == "FAIL":
                self._enqueue(parameters_of(trial))

    def _points(self) -> Sequence[Parameters]:
        """Give the points that are known before the first trial."""
        match self.aim.method:
            case "grid":
                return list(grid_points(self.aim.space))
            case "random":
                return random_points(self.aim.space, self.aim.trials, self.aim.seed)
            case _:
                return []

    def _next(self, known: set[str]) -> "optuna.Trial | None":
        """Take what waits; in a guided search, think of something new."""
        import optuna  # noqa: PLC0415

        study, space = self._study, dict(self.aim.space)
        if self._trials("WAITING"):
            return study.ask(space)
        if self.aim.method != "guided" or len(known) >= self.aim.trials:
            return None
        for _ in range(GUESSES):
            # The same guesses whether the search was interrupted or not.
            seed = self.aim.seed + len(self._trials())
            study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
            trial = study.ask(space)
            if name_of(trial.params) not in known:
                return trial
            self._discard(trial.number)
        for point in random_points(space, len(known) + 1, self.aim.seed):
            if name_of(point) not in known:
                self._enqueue(point)
                return study.ask(space)
        return None

    def _bound(self) -> bool:
        """Tell whether the folder holds figures, or a worker that is after them."""
        if self._trials("COMPLETE", "PRUNED"):
            return True
        for trial in filter(self._is_whole, self._trials("RUNNING")):
            lock = self._try_lock(name_of(parameters_of(trial)))
            if lock is None:
                return True
            lock.close()
        return False

    def _put_interrupted_back(self) -> None:
        for trial in self._trials("RUNNING"):
            if not self._is_whole(trial):  # killed while it was thought of
                self._discard(trial.number)
            elif (lock := self._try_lock(name_of(parameters_of(trial)))) is not None:
                with lock:
                    self.put_back(trial)

    def _is_whole(self, trial: Any) -> bool:
        return set(parameters_of(trial)) == set(self.aim.space)

    def _trials(self, *states: str) -> list[Any]:
        trials = self._study.get_trials(deepcopy=False)
        return [trial for trial in trials if not states or trial.state.name in states]

    def _enqueue(self, parameters: Parameters) -> None:
        self._study.enqueue_trial(parameters, user_attrs={"parameters": parameters})

    def _discard(self, number: int) -> None:
        import optuna  # noqa: PLC0415

        self._study.tell(number, state=optuna.trial.TrialState.FAIL)

    def _try_lock(self, name: str) -> IO[str] | None:
        """Lock a trial's folder, unless it is locked."""
        return try_lock(self.folder / name)


def parameters_of(trial: Any) -> Parameters:
    """Give a trial's parameters, which one that waits has as well."""
    return dict(trial.user_attrs.get("parameters") or trial.params)


def _rank(trial: Any) -> int:
    return ORDER.index(trial.state.name)


def _open_study(path: Path, aim: Aim, anew: bool = False) -> "optuna.Study":
    """Open a study, or begin one."""
    import optuna  # noqa: PLC0415  imports for a second, and only for a search
    import sqlalchemy.exc  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path.absolute()}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
        if anew:
            optuna.delete_study(study_name="search", storage=storage)
        study = optuna.create_study(
            study_name="search",
            storage=storage,
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.RandomSampler(seed=aim.seed),
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=PRUNE_AFTER_TRIALS, n_warmup_steps=(aim.prune or 0) + 1
            ),
        )
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        why = one_line(error, first_line=True)
        raise InputError(
            f"{path}: cannot be read as a study ({why}); give another --output, or delete that one"
        ) from error
    if "configuration" not in study.user_attrs:
        study.set_user_attr("configuration", dict(aim.configuration))
    return study


def _check_same(old: Mapping[str, str], new: Mapping[str, str], folder: Path) -> None:
    for key in [*new, *old]:
        was, now = old.get(key, "nothing"), new.get(key, "nothing")
        if was != now:
            raise InputError(
                f"{folder} holds a search of something else: {key} was {was}, now it is {now};"
                " give another --output, or delete that one"
            )
