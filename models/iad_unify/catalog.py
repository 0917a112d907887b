"""The tensors of every served model, in one place.

`models/repository/*/config.pbtxt`, the Python-backend models, `iad_unify.serving` and the daemon's adapters all follow
this catalog; a test holds them together. It knows names, dtypes and shapes, not what computes them.
"""

from dataclasses import dataclass

#: Side in pixels of a region expert's input, and of the square that a frame is brought to, unless something else is said.
EXPERT_SIZE = 256
#: A square's side is a multiple of the first, and lies between the others, pixels.
SQUARE_STEP, LEAST_SQUARE, LARGEST_SQUARE = 32, 64, 2048
#: What an expert says, among other words, of a square that is smaller than its own input.
SQUARE_TOO_SMALL = "is smaller than the expert's input"
#: Most regions in one answer; outputs are padded to it and `COUNT` says how many are real.
MAX_REGIONS = 16
#: What an expert says, among other words, of a REFERENCE that it cannot use.
CALIBRATE_AGAIN = "calibrate again with good parts"
#: Appearance rows per region: the mean inside it, the mean over the ring around it, and what a close look at it gives.
APPEARANCE_ROWS = 3
#: The last of them, the close look; the ones before are means of features, inside the region and around it.
LOOK_ROW = 2
#: What an explainer says, among other words, of a request whose DEADLINE is over.
TOO_LATE = "is past its deadline"
#: Longest DEADLINE, milliseconds: what an INT32 holds.
LONGEST_DEADLINE_MS = 2**31 - 1
#: Most types that are told of one region's confirmed neighbours.
MAX_CONFIRMED_TYPES = 2
#: Longest side of a picture that the explainer takes beside the regions, pixels.
LARGEST_CROP = 2048
#: Of what waits for the explainer, the smaller number goes first, as in Triton's own queues.
ALERT_PRIORITY, QUESTION_PRIORITY = 1, 2


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output. `shape` has no batch dimension; -1 is a free dimension."""

    name: str
    dtype: str  # Triton's name: UINT8, FP16, FP32, INT32, INT64, BYTES
    shape: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """A served model: its name is its role."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    max_batch_size: int  # 0: no batch dimension on the wire
    decoupled: bool = False


REGION_EXPERT = Model(
    name="region_expert",
    max_batch_size=8,
    inputs=(
        # RGB, letterboxed into a square; one that is larger than the expert's own input is looked at in tiles
        Tensor("IMAGE", "UINT8", (-1, -1, 3)),
        Tensor("LETTERBOX", "FP32", (5,)),  # scale, pad_x, pad_y, original width, original height
        # probability threshold (0: the card's own), smallest area in original pixels (0: the card's own)
        Tensor("PROPOSAL", "FP32", (2,)),
        # what the frame is also compared with: the id of a memory of good parts, of a golden template, or of both with a
        # plus between them; empty or left out: nothing
        Tensor("REFERENCE", "BYTES", (1,), optional=True),
        # 1: REFERENCE_APPEARANCE is computed too, where there is a REFERENCE; 0 or left out: it is not
        Tensor("DESCRIBE_REFERENCE", "INT32", (1,), optional=True),
    ),
    outputs=(
        Tensor("IMAGE_SCORE", "FP32", (1,)),
        Tensor("COUNT", "INT32", (1,)),
        Tensor("BOXES", "FP32", (MAX_REGIONS, 4)),  # x, y, width, height in original pixels
        Tensor("SCORES", "FP32", (MAX_REGIONS,)),
        Tensor("TYPE_LOGITS", "FP32", (MAX_REGIONS, -1)),  # at the card's temperature: their softmax is calibrated
        Tensor("TYPE_SLUGS", "BYTES", (-1,)),  # names of the TYPE_LOGITS columns
        Tensor("MASKS", "BYTES", (MAX_REGIONS,)),  # COCO RLE counts, original pixels; empty when padded
        Tensor("APPEARANCE", "FP16", (MAX_REGIONS, APPEARANCE_ROWS, -1)),
        Tensor("GEOMETRY", "FP32", (MAX_REGIONS, 5)),  # cx, cy, w, h, area, normalised to the original frame
        # the APPEARANCE of a good part at the same masks, the golden template, else the good part of the memory that is most
        # like the frame, both aligned with it; all of it is 0 where none is asked for or named
        Tensor("REFERENCE_APPEARANCE", "FP16", (MAX_REGIONS, APPEARANCE_ROWS, -1)),
        Tensor("DEFAULTS", "FP32", (2,)),  # the card's decision threshold and proposal threshold
        # a region's likely types hold more than this probability together; negative: the card was not calibrated
        Tensor("TYPE_LEVEL", "FP32", (1,)),
        Tensor("MODEL_VERSION", "BYTES", (1,)),  # and the square's side, where it is not the expert's own
    ),
)

EXPLAINER = Model(
    name="explainer",
    max_batch_size=0,
    decoupled=True,
    inputs=(
        Tensor("QUESTION", "BYTES", (1,)),  # UTF-8 text; the chat template is the model's
        Tensor("APPEARANCE", "FP16", (-1, APPEARANCE_ROWS, -1)),  # regions in order of score
        Tensor("GEOMETRY", "FP32", (-1, 5)),
        # what a good part looks like at the same places, as many rows; none or left out: nothing to compare with. A model
        # that was not trained with references ignores it
        Tensor("REFERENCE_APPEARANCE", "FP16", (-1, APPEARANCE_ROWS, -1), optional=True),
        Tensor("TEMPERATURE", "FP32", (1,)),  # 0 is greedy
        Tensor("SEED", "INT64", (1,)),
        Tensor("MAX_TOKENS", "INT32", (1,)),
        Tensor("CHOICES", "BYTES", (-1,), optional=True),  # UTF-8; the answer is one of them, without any it is free
        Tensor("PRIORITY", "INT32", (1,), optional=True),  # ALERT_PRIORITY goes before QUESTION_PRIORITY, the default
        # milliseconds from the request's arrival, until which the answer is wanted; left out: whenever it comes. What is left,
        # not a time of day: two machines' clocks may differ by more than an answer takes
        Tensor("DEADLINE", "INT32", (1,), optional=True),
        # for each region the types that regions like it were confirmed as, slugs with commas between them, the voted first;
        # empty where there are none. A model that was trained without them leaves them aside
        Tensor("CONFIRMED", "BYTES", (-1,), optional=True),
        # RGB, the frame that the regions are of; an explainer that was not trained with crops ignores it
        Tensor("CROP", "UINT8", (-1, -1, 3), optional=True),
    ),
    outputs=(
        Tensor("TEXT", "BYTES", (1,)),  # the next piece of the answer
        Tensor("MODEL_VERSION", "BYTES", (1,)),
    ),
)

DEFECT_EDITOR = Model(
    name="defect_editor",
    max_batch_size=0,
    inputs=(
        Tensor("IMAGE", "UINT8", (-1, -1, 3)),  # RGB, a clean frame at its own size
        Tensor("MASK", "UINT8", (-1, -1)),  # 1 where the edit may change a pixel
        Tensor("DEFECT_TYPE", "BYTES", (1,)),
        Tensor("APPEARANCE", "FP16", (-1, APPEARANCE_ROWS, -1)),  # reference regions; may be empty [0, rows, D]
        Tensor("GEOMETRY", "FP32", (-1, 5)),
        Tensor("SEED", "INT64", (1,)),
        Tensor("STEPS", "INT32", (1,)),
        Tensor("GUIDANCE", "FP32", (1,)),
    ),
    outputs=(
        Tensor("EDITED", "UINT8", (-1, -1, 3)),  # equal to IMAGE, bit for bit, where MASK is 0
        Tensor("MODEL_VERSION", "BYTES", (1,)),
    ),
)

MODELS: tuple[Model, ...] = (REGION_EXPERT, EXPLAINER, DEFECT_EDITOR)
