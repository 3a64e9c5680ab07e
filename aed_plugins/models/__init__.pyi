from .base import (
    Features as Features,
)
from .base import (
    FittedHead as FittedHead,
)
from .base import (
    Probabilities as Probabilities,
)
from .base import (
    TaggerOutput as TaggerOutput,
)
from .embedding_model import EmbeddingModel as EmbeddingModel
from .encoders.mfcc_statistics import MFCCStatistics as MFCCStatistics
from .encoders.mobilenet import (
    PUBLISHED as PUBLISHED,
)
from .encoders.mobilenet import (
    MobileNet as MobileNet,
)
from .encoders.mobilenet import (
    rounded_channels as rounded_channels,
)
from .encoders.resnet import ResNet as ResNet
from .encoders.vgg import VGG as VGG
from .encoders.vggish import VGGish as VGGish
from .ensemble import Ensemble as Ensemble
from .features.efficientat import EfficientATLogMel as EfficientATLogMel
from .features.log_mel import LogMel as LogMel
from .features.normalization import FeatureNormalization as FeatureNormalization
from .features.vggish import VGGishLogMel as VGGishLogMel
from .front_ends.dilated import (
    DilatedFrontEnd as DilatedFrontEnd,
)
from .front_ends.dilated import (
    PlainFrontEnd as PlainFrontEnd,
)
from .heads.dnn import DNNHead as DNNHead
from .heads.forest import ForestHead as ForestHead
from .heads.pooled_dnn import PooledDNNHead as PooledDNNHead
from .heads.rnn import RNNHead as RNNHead
from .lengths import (
    absolute_lengths as absolute_lengths,
)
from .lengths import (
    valid_mask as valid_mask,
)
from .safetensors_file import (
    read_safetensors as read_safetensors,
)
from .safetensors_file import (
    tensor_shapes as tensor_shapes,
)
from .tagger import (
    AudioTagger as AudioTagger,
)
from .tagger import (
    check_tagger as check_tagger,
)
from .tagger import (
    probabilities as probabilities,
)
from .thresholds import Thresholds as Thresholds
from .weights import (
    HUB_ERRORS as HUB_ERRORS,
)
from .weights import (
    fetch_weights as fetch_weights,
)
from .weights import (
    load_weights as load_weights,
)
from .weights import (
    read_state_dict as read_state_dict,
)
