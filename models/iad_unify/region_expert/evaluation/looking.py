"""One picture through the expert for an evaluation: its map, its regions and boxes, and what became of each true defect."""

import numpy as np
from numpy.typing import NDArray

from iad_unify.data.truth import tight
from iad_unify.geometry import Letterbox
from iad_unify.region_expert.described import Frame
from iad_unify.region_expert.evaluation.boxes import Detection
from iad_unify.region_expert.evaluation.cold_start import Compare
from iad_unify.region_expert.evaluation.seen import Defect, Seen
from iad_unify.region_expert.evaluation.subjects import Case, Subject
from iad_unify.region_expert.inspection import Inspected, Level, describe, maps, regions
from iad_unify.region_expert.memory import fuse
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.proposals import resample, smooth
from iad_unify.region_expert.squares import read_template

#: Smallest overlap (IoU) at which a region counts as having found a defect.
FOUND_IOU = 0.1
#: More than any picture has defects: a cut list of boxes would cut the AP.
_MOST_REGIONS = 64
#: A precision-recall curve needs detections below the threshold that regions are served at: down to this share of it.
FAINT = 0.4


def show(expert: RegionExpert, case: Case, square: int = 0) -> tuple[Frame, NDArray[np.float32]]:
    """A picture as the heads see it, and its raw map [S, S]; `square` and errors as of `look`."""
    height, width = case.rgb.shape[:2]
    letterbox = Letterbox.fit(width, height, square or expert.config.size)
    shown = letterbox.apply(case.rgb)
    template = None
    if case.template is not None and expert.config.template:
        template = read_template(case.template, shown, letterbox)
    raw, features = maps(expert, shown[None], None if template is None else template[None])
    return Frame(shown, letterbox, features, template), raw[0]


def best_match(found: Inspected, mask: NDArray[np.bool_], decision: float) -> tuple[float, int | None]:
    """Best IoU with a defect [H, W] among the regions that score `decision` or more, and that region's row; 0, None of none."""
    best, row_of_best, area = 0.0, None, int(np.count_nonzero(mask))
    for row, region in enumerate(found.proposals):
        if region.score < decision:
            continue
        height, width = region.mask.shape
        both = int(np.count_nonzero(mask[region.y : region.y + height, region.x : region.x + width] & region.mask))
        iou = both / (region.area + area - both)
        if iou > best:
            best, row_of_best = iou, row
    return best, row_of_best


def look(
    expert: RegionExpert,
    subject: Subject,
    decision: float,
    proposal: float,
    square: int = 0,
    compare: Compare | None = None,
    fused: bool = False,
) -> Seen:
    """Open and inspect a picture; regions are cut out at `proposal` and count as found from the score `decision` up.

    `square` is the side of the square that it is brought to, pixels; 0 is the expert's input. With `compare` the map is that
    of a reference, `fused` with the expert's own or alone; then the expert only describes its regions. The map comes back in
    original pixels. Raises DataError when a file cannot be read, ValueError for a square smaller than the expert's input.
    """
    case = subject.open()
    frame, raw = show(expert, case, square)
    letterbox = frame.letterbox
    plane = raw
    if compare is not None:
        said = compare(frame.square, letterbox, case)
        plane = fuse(raw, said) if fused else said
    smoothed = smooth(plane, letterbox, expert.config.smoothing_px)
    level = Level(proposal, 0.0, expert.config.merge_gap_px, _MOST_REGIONS, expert.config.grow_share)
    found = regions(expert, smoothed, frame, level)
    faint = _apart(found, regions(expert, smoothed, frame, level._replace(threshold=proposal * FAINT)))
    defects = []
    for slug, mask in case.defects:
        answer = describe(expert, frame, [letterbox.apply_mask(mask)]).type_logits
        given = expert.config.answers[int(answer[0].argmax())]
        defects.append(_matched(expert, found, slug, mask, given, decision))
    return Seen(
        subject.name,
        subject.group,
        bool(case.types),
        case.types,
        found.score,
        resample(smoothed, letterbox, (0, 0, letterbox.width, letterbox.height)),
        tuple(defects),
        case.unknown,
        (*_detections(expert, found), *_detections(expert, faint)),
        case.boxes,
    )


def _matched(
    expert: RegionExpert, found: Inspected, slug: str, mask: NDArray[np.bool_], given: str, decision: float
) -> Defect:
    """The region of best IoU with the defect among those at or above the decision threshold."""
    best, row = best_match(found, mask, decision)
    name = None
    if row is not None and best >= FOUND_IOU:
        name = expert.config.answers[int(found.type_logits[row].argmax())]
    x0, y0, x1, y1 = tight(mask) or (0, 0, 0, 0)
    window = mask[y0:y1, x0:x1].copy()  # the whole mask may be freed
    return Defect(slug, window, x0, y0, best, name, given)


def _apart(found: Inspected, fainter: Inspected) -> Inspected:
    """The regions of a lower threshold that hold none of the higher one's: those are the same, only grown."""
    taken = np.zeros(found.smoothed.shape, dtype=bool)
    for proposal in found.proposals:
        taken |= proposal.square
    keep = [row for row, proposal in enumerate(fainter.proposals) if not (proposal.square & taken).any()]
    return Inspected(
        fainter.smoothed,
        tuple(fainter.proposals[row] for row in keep),
        fainter.appearance[keep],
        fainter.type_logits[keep],
        fainter.boxes[keep],
    )


def _detections(expert: RegionExpert, found: Inspected) -> tuple[Detection, ...]:
    """Ranked by how sure the expert is of the region and of its type, because both must be right."""
    out = []
    for proposal, logits, box in zip(found.proposals, found.type_logits, found.boxes, strict=True):
        x0, y0, x1, y1 = box.tolist()
        sure = np.exp(logits - logits.max())
        score = proposal.score * float(sure.max() / sure.sum())
        out.append(Detection(x0, y0, x1, y1, expert.config.answers[int(logits.argmax())], score, proposal.score))
    return tuple(out)
