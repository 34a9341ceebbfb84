# What plugins may rely on. `__init__.py` reads this list, and imports each name when it is first wanted.

from . import intervals as intervals
from .pipeline.oom_backoff import OomBackoff as OomBackoff, in_batches as in_batches
from .pipeline.worker import open_job as open_job
from .errors import (
    BadInputError as BadInputError,
    DeviceError as DeviceError,
    FetchError as FetchError,
    JobCancelledError as JobCancelledError,
    JobRefusedError as JobRefusedError,
    ModelNotFoundError as ModelNotFoundError,
    PluginError as PluginError,
    SettingsError as SettingsError,
    StrictError as StrictError,
    WorkerError as WorkerError,
)
from .contract.fields import ModelName as ModelName
from .audio.fetch import fetch_url as fetch_url
from .runtime.gpu import torch_loading as torch_loading, torch_stage as torch_stage
from .hooks.marker import hookimpl as hookimpl
from .runtime.import_order import import_in_turn as import_in_turn
from .hooks.job import Job as Job, StageEnd as StageEnd
from .hooks.plugin_info import API_VERSION as API_VERSION, PluginInfo as PluginInfo
from .contract.languages import spoken_letters as spoken_letters
from .runtime.machine import memory_gb as memory_gb
from .models.cache import ModelCache as ModelCache
from .models.device import pick_device as pick_device, torch_device as torch_device
from .models.locate import find_model as find_model, folder_mb as folder_mb
from .models.requirement import ModelRequirement as ModelRequirement
from .results.extra_schema import ExtraSchema as ExtraSchema
from .results.formats.output_format import OutputFormat as OutputFormat
from .contract.request import Request as Request
from .contract.speakers import (
    ReferenceVoice as ReferenceVoice,
    Speaker as Speaker,
    SpeakerSample as SpeakerSample,
    sample_name as sample_name,
)
from .audio.speaker_samples import read_sample as read_sample, sample_title as sample_title
from .contract.settings import Settings as Settings
from .types import (
    JSON as JSON,
    SAMPLE_RATE_HZ as SAMPLE_RATE_HZ,
    Audio as Audio,
    DecodedText as DecodedText,
    Diarization as Diarization,
    Language as Language,
    Result as Result,
    Seconds as Seconds,
    Segment as Segment,
    Span as Span,
    SpeakerMatch as SpeakerMatch,
    SpeakerTurn as SpeakerTurn,
    Speech as Speech,
    Transcript as Transcript,
    Warned as Warned,
    Word as Word,
    with_extra as with_extra,
)
from .voices.calibration import Calibration as Calibration, read_calibration as read_calibration
from .voices.embeddings import VoiceEmbeddings as VoiceEmbeddings, file_revision as file_revision
from .voices.voiceprint import (
    Voiceprint as Voiceprint,
    read_voiceprint as read_voiceprint,
    write_voiceprint as write_voiceprint,
)
from .version import __version__ as __version__

# Names before 0.2. Deprecated.
Fitting = OomBackoff
ModelShelf = ModelCache
NeededModel = ModelRequirement
spans = intervals
