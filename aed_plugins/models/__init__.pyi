from .base import (
    Encoder as Encoder,
    Features as Features,
    FittedHead as FittedHead,
    FrontEnd as FrontEnd,
    Head as Head,
    HeadOutput as HeadOutput,
    Probabilities as Probabilities,
    TaggerOutput as TaggerOutput,
)
from .devices import check_device as check_device
from .downloads import (
    HUB_ERRORS as HUB_ERRORS,
    OFFLINE as OFFLINE,
    fetch_weights as fetch_weights,
)
from .embedding_model import EmbeddingModel as EmbeddingModel
from .encoders.mfcc_statistics import MFCCStatistics as MFCCStatistics
from .encoders.mobilenet import (
    PUBLISHED_MOBILENETS as PUBLISHED_MOBILENETS,
    MobileNet as MobileNet,
    round_channels as round_channels,
)
from .encoders.resnet import ResNet as ResNet
from .encoders.vgg import VGG as VGG
from .encoders.vggish import (
    VGGish as VGGish,
    VGGishPostprocessor as VGGishPostprocessor,
)
from .ensemble import Ensemble as Ensemble
from .features.efficientat import EfficientATLogMel as EfficientATLogMel
from .features.log_mel import LogMel as LogMel
from .features.normalization import FeatureNormalization as FeatureNormalization
from .features.vggish import VGGishLogMel as VGGishLogMel
from .front_ends.dilated import DilatedFrontEnd as DilatedFrontEnd
from .heads.dnn import DNNHead as DNNHead
from .heads.forest import ForestHead as ForestHead
from .heads.pooled_dnn import PooledDNNHead as PooledDNNHead
from .heads.rnn import RNNHead as RNNHead
from .lengths import (
    absolute_lengths as absolute_lengths,
    check_batch as check_batch,
    valid_mask as valid_mask,
)
from .out_of_memory import name_out_of_memory as name_out_of_memory
from .receptive_field import (
    ReceptiveField as ReceptiveField,
    compute_receptive_field as compute_receptive_field,
)
from .tagger import (
    MISFITS as MISFITS,
    AudioTagger as AudioTagger,
    check_tagger as check_tagger,
    compute_probabilities as compute_probabilities,
)
from .thresholds import Thresholds as Thresholds
from .weights import (
    load_weights as load_weights,
    read_safetensors as read_safetensors,
    read_state_dict as read_state_dict,
    read_tensor_shapes as read_tensor_shapes,
)
