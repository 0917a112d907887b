"""The defect vocabulary: slugs that travel on the wire. Knows nothing of models or pictures."""

#: Types that the procedural generator draws and that the shipped models were trained on. The order is the index inside
#: a head; on the wire only slugs travel.
DEFECT_TYPES: tuple[str, ...] = (
    "scratch",
    "crack",
    "hole",
    "chip",
    "dent",
    "stain",
    "contamination",
    "discoloration",
    "fray",
    "missing_part",
)

#: What a region is called when no type is likely enough.
UNKNOWN = "unknown"


def spoken(slug: str) -> str:
    """The words for a slug: ``missing_part`` -> ``missing part``."""
    return slug.replace("_", " ")
