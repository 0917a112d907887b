"""Checks what the daemon said, without the daemon: own words, own masks, own arithmetic.

    python tests/benchmarks/check_claims.py RUN --data DIR --expert CKPT

Reads RUN/events.bin and RUN/truth.json of line_run.py. It shares no code with inspectd or iad_unify: the events are read
with the published protos, masks with pycocotools, sentences with the patterns below. Each claim (location, size, count,
type) of each emitted sentence is held against the predicted regions and, apart, against the manifest's mask and type. A type
holds when it is one of the expert's likely ones: those that together hold the `type_level` of CKPT/card.json, or 0.9 where the
card has none. What the daemon cites after its sentence, "Like event ...", is not the model's and not judged.
"""

import argparse
import json
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco

from inspectd.v1 import defect_event_pb2, region_pb2  # the contract, not the code

ROWS = {"top": 0, "upper": 0, "middle": 1, "center": 1, "centre": 1, "bottom": 2, "lower": 2}
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}


def places(text: str) -> list[set[tuple[int, int]]]:
    """The cells (row, column) that each named place may mean."""
    found = []
    for match in re.finditer(
        r"\b(top|upper|bottom|lower)[ -](left|right|center|centre|middle|edge|part|side|area)?", text
    ):
        column = {"left": 0, "right": 2}.get(match[2] or "", 1)
        found.append({(ROWS[match[1]], column)})
    for match in re.finditer(r"\b(?:center|centre|middle)[ -](left|right)\b", text):
        found.append({(1, 0 if match[1] == "left" else 2)})
    rest = re.sub(r"\b(top|upper|bottom|lower)[ -](left|right|center|centre|middle)?", " ", text)
    rest = re.sub(r"\b(center|centre|middle)[ -](left|right)\b", " ", rest)
    for match in re.finditer(r"\b(left|right|center|centre|middle|top|bottom)\b", rest):
        word = match[1]
        if word in ("left", "right"):
            found.append({(1, 0 if word == "left" else 2)})
        elif word in ("top", "bottom"):
            found.append({(ROWS[word], 1)})
        elif not found:
            found.append({(1, 1)})
    return found


def shares(mask: np.ndarray) -> np.ndarray:
    """The share of a mask's area in each cell of the 3x3 grid, [3, 3]."""
    height, width = mask.shape
    weights = np.zeros((3, 3))
    ys, xs = np.nonzero(mask)
    for y, x in zip(
        np.minimum(2, (ys + 0.5) * 3 // height).astype(int),
        np.minimum(2, (xs + 0.5) * 3 // width).astype(int),
        strict=True,
    ):
        weights[y, x] += 1
    return weights / max(1, weights.sum())


def size_word(mask: np.ndarray) -> str:
    share = mask.mean()
    return "small" if share < 0.002 else "medium" if share < 0.01 else "large"


def judge(text: str, masks: list[np.ndarray], types: list[set[str]], slugs: set[str]) -> dict[str, bool]:
    """Each claim kind that the text makes, and whether some mask bears it out."""
    low, verdict = text.lower(), {}
    spots = places(low)
    if spots:
        verdict["location"] = all(
            any(
                shares(mask)[cell] >= 0.29 or shares(mask).argmax() == 3 * cell[0] + cell[1]
                for mask in masks
                for cell in spot
            )
            for spot in spots
        )
    sizes = re.findall(r"\b(small|medium|large)\b", low)
    if sizes:
        verdict["size"] = all(any(size_word(mask) == size for mask in masks) for size in sizes)
    counted = re.match(r"\W*(?:there (?:is|are) )?(\w+) (?:\w+ )?(?:defects|regions|defect|region)\b", low)
    if counted and (counted[1] in NUMBERS or counted[1].isdigit()):
        verdict["count"] = (NUMBERS.get(counted[1]) or int(counted[1])) == len(masks)
    named = {slug for slug in slugs if re.search(rf"\b{slug.replace('_', ' ')}", low)}
    if named:
        verdict["type"] = all(any(slug in likely for likely in types) for slug in named)
    return verdict


def likely(region: region_pb2.Region, level: float | None) -> set[str]:
    """The most probable types that together hold `level`; without one those that reach 0.9, none below 0.05 but the first.

    `unknown` is no type, and its probability counts for none: the card's level was fitted so.
    """
    kept, mass = set(), 0.0
    named = [pair for pair in region.type_probabilities if pair.defect_type != "unknown"]
    for pair in sorted(named, key=lambda pair: -pair.probability):
        if kept and (mass > level if level is not None else mass >= 0.9 or pair.probability < 0.05):
            break
        kept.add(pair.defect_type)
        mass += pair.probability
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--expert", type=Path, required=True, help="checkpoint of the run, for its card")
    options = parser.parse_args()
    level = json.loads((options.expert / "card.json").read_text()).get("type_level")
    truth = json.loads((options.run / "truth.json").read_text())
    data, at = (options.run / "events.bin").read_bytes(), 0
    against_mask, against_manifest, origins, wrong = Counter(), Counter(), Counter(), []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        event = defect_event_pb2.DefectEvent.FromString(data[at + 4 : at + 4 + length])
        at += 4 + length
        origin = defect_event_pb2.Explanation.Origin.Name(event.explanation.origin)
        origins[f"{origin}, asked {event.explanation.attempts} times"] += 1
        text = event.explanation.text.split(" Like event ")[0]
        if not text:
            continue
        masks = [
            coco.decode({"size": [r.mask.height, r.mask.width], "counts": r.mask.counts.encode()}).astype(bool)
            for r in event.regions
        ]
        slugs = {pair.defect_type for region in event.regions for pair in region.type_probabilities}
        for kind, holds in judge(text, masks, [likely(r, level) for r in event.regions], slugs).items():
            against_mask[f"{kind}:{'true' if holds else 'contradicted'}"] += 1
            if not holds:
                wrong.append((event.event_id, kind, text))
        entry = truth[event.part_id]
        if entry["mask"]:
            gold = cv2.imread(str(options.data / entry["mask"]), cv2.IMREAD_GRAYSCALE) > 0
            for kind, holds in judge(text, [gold], [{entry["defect_type"]}], slugs).items():
                if kind != "count":  # the manifest has one mask for all defects of a part
                    against_manifest[f"{kind}:{'true' if holds else 'false'}"] += 1
    print(
        json.dumps(
            {"origins": origins, "against_predicted_mask": against_mask, "against_manifest": against_manifest},
            indent=1,
            sort_keys=True,
        )
    )
    for event_id, kind, text in wrong[:20]:
        print(event_id, kind, text)


if __name__ == "__main__":
    main()
