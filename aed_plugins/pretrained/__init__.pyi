from .efficientat import (
    EFFICIENTAT_CLASSIFIER as EFFICIENTAT_CLASSIFIER,
    load_efficientat as load_efficientat,
)
from .loaded_model import LoadedModel as LoadedModel
from .loading import load_model as load_model
from .model_folder import write_timeline_settings as write_timeline_settings
from .onnx_export import (
    TaggerWithProbabilities as TaggerWithProbabilities,
    export_onnx as export_onnx,
)
from .onnx_model import OnnxTagger as OnnxTagger
from .pretrainer import FolderPretrainer as FolderPretrainer
from .publishing import publish_model as publish_model
from .trained_run import (
    TrainedRun as TrainedRun,
    build_tagger as build_tagger,
    find_run as find_run,
)
