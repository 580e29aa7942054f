"""Sample a person: who they are, how they wear their hair, and the morphs of their face and mood."""

from dataclasses import dataclass

import numpy as np
from hair import Style
from numpy.typing import NDArray
from vectors import Rng, vec

F64 = NDArray[np.float64]


def linear(*colors: tuple[int, int, int]) -> F64:
    """Linear light, (n, 3) in 0..1, of sRGB bytes."""
    return (np.array(colors) / 255) ** 2.2


HAIR = linear((18, 15, 14), (36, 26, 21), (60, 40, 28), (90, 60, 38), (124, 85, 51), (158, 118, 72),
              (192, 154, 98), (212, 180, 130), (140, 64, 32), (98, 38, 24))  # fmt: skip
IRIS = linear((86, 52, 32), (56, 36, 26), (108, 84, 52), (96, 112, 82), (92, 124, 156), (122, 136, 148))
FRAMES = linear((20, 20, 22), (60, 35, 25), (90, 62, 42), (120, 120, 125))
ETHNICITIES = ("african", "asian", "caucasian")
HEAD_SHAPES = {"diamond": 0.15, "oval": 0.32, "round": 0.17, "triangular": 0.06, "invertedtriangular": 0.18,
               "rectangular": 0.06, "square": 0.06}  # fmt: skip
# Standard deviation of the identity morphs of each folder.
SPREAD = {"head": 0.17, "eyes": 0.22, "mouth": 0.24, "nose": 0.22, "chin": 0.22, "cheek": 0.26, "ears": 0.2,
          "forehead": 0.2, "eyebrows": 0.18}  # fmt: skip
EYE_MORPHS = {"eyes/l-eye-scale-decr": 0.42, "eyes/l-eye-height2-decr": 0.4}  # the mesh's eyes are small
ASYMMETRIES = ("brown-1", "brown-2", "cheek-1", "eye-1", "eye-3", "jaw-1", "jaw-2", "mouth-1", "mouth-2", "nose-1",
               "nose-3", "temple-1")  # fmt: skip
BEARDS = {"none": 0.54, "stubble": 0.2, "moustache": 0.06, "short": 0.12, "full": 0.08}


@dataclass
class Brows:
    """Eyebrows, in dm of base coordinates."""

    height: float
    thickness: float
    arch: float
    tilt: float


@dataclass
class Person:
    """Everything about a face but the camera and the light. Colours are linear RGB."""

    ethnicity: dict[str, float]  # weights; sum to 1
    male: float  # 0 female .. 1 male, of the face shape
    female: bool  # of the styling
    old: float  # 0: about 25 years, 1: about 90
    tone: float  # skin, 0 light .. 1 dark
    hair_color: F64
    brow_color: F64
    iris: F64
    style: Style | None  # None: bald
    brows: Brows
    beard: str  # a key of BEARDS
    glasses: bool
    morphs: dict[str, float]


def pick(rng: Rng, choices: dict[str, float]) -> str:
    """A key, drawn with the probabilities given as values."""
    return list(choices)[rng.choice(len(choices), p=list(choices.values()))]


def sample_person(rng: Rng, pairs: list[tuple[str, str]]) -> Person:
    """Draw a person; `pairs` are the opposite identity morphs of the mesh."""
    weights = rng.dirichlet([0.4, 0.4, 0.4])
    ethnicity = dict(zip(ETHNICITIES, weights.tolist(), strict=True))
    male = float(rng.beta(0.25, 0.25))
    female = bool(rng.normal(male, 0.12) < 0.5)
    old = float(0.9 * rng.beta(0.85, 1.8))
    tone = float(np.clip(weights @ [0.7, 0.25, 0.14] + rng.normal(0, 0.06), 0.06, 0.97))
    hair_color = sample_hair_color(rng, ethnicity, tone, old)
    feminine = 0.72 if female else 1.0
    return Person(
        ethnicity,
        male,
        female,
        old,
        tone,
        hair_color,
        brow_color=hair_color * min(0.55, 0.15 / float(hair_color.max())) + 0.002,  # darker, of the same hue
        iris=sample_iris(rng, ethnicity, tone),
        style=sample_style(rng, ethnicity, female, old),
        brows=Brows(rng.uniform(7.475, 7.515) + 0.015 * female, rng.uniform(0.028, 0.042) * feminine,
                    rng.uniform(0.005, 0.045), rng.normal(0.015, 0.03)),
        beard="none" if female or male < 0.5 else pick(rng, BEARDS),
        glasses=bool(rng.random() < 0.09 + 0.1 * old),
        morphs=sample_shape(rng, ethnicity, male, old) | sample_identity(rng, pairs) | sample_mood(rng),
    )  # fmt: skip


def sample_hair_color(rng: Rng, ethnicity: dict[str, float], tone: float, old: float) -> F64:
    """Mostly dark; lighter and red for part of the light-skinned; greying with age."""
    color: F64
    if tone > 0.35 or rng.random() < 0.95 * (1 - ethnicity["caucasian"]):
        color = HAIR[rng.choice(3, p=[0.45, 0.35, 0.2])]
    else:
        color = HAIR[rng.choice(np.arange(1, 10), p=[0.12, 0.17, 0.18, 0.16, 0.12, 0.09, 0.06, 0.06, 0.04])]
    grey = float(np.clip((old - 0.42) * 2 + rng.normal(0, 0.2), 0, 1)) if old > 0.38 else 0.0
    silver = np.array([0.45, 0.42, 0.39]) * rng.uniform(0.6, 1.2)
    color = color + min(1, 2 * grey) * (color.mean() * vec([1.2, 1, 0.8]) - color)  # a hue fades before it whitens
    return color * rng.uniform(0.85, 1.25) * (1 - grey) + silver * grey


def sample_iris(rng: Rng, ethnicity: dict[str, float], tone: float) -> F64:
    """Brown; also green, blue and grey for the light-skinned."""
    light = tone < 0.25 and ethnicity["caucasian"] > 0.6
    kind = rng.choice(6, p=[0.3, 0.18, 0.16, 0.11, 0.17, 0.08] if light else [0.5, 0.5, 0, 0, 0, 0])
    color: F64 = IRIS[kind]
    return color * rng.uniform(0.9, 1.4)


def sample_style(rng: Rng, ethnicity: dict[str, float], female: bool, old: float) -> Style | None:
    """Draw a haircut (None: bald)."""
    if rng.random() < 0.55 * ethnicity["african"]:
        name = pick(rng, {"afro": 0.4, "curly": 0.3, "tied": 0.3} if female else {"afro": 0.35, "buzz": 0.65})
    elif female:
        name = pick(rng, {"crop": 0.03, "pixie": 0.07, "bob": 0.26, "long": 0.4, "tied": 0.14, "curly": 0.1})
    else:
        name = pick(rng, {"bald": 0.08, "buzz": 0.14, "crop": 0.3, "quiff": 0.16, "side": 0.23, "curly": 0.07,
                          "bob": 0.02})  # fmt: skip
    style = make_style(rng, name)
    if style is None:
        return None
    style.recession = rng.uniform(-0.06, 0.02) if female else rng.uniform(-0.03, 0.06 + 0.25 * old)
    style.hairline = rng.uniform(0.02, 0.1)
    if name in ("bob", "long", "crop") and rng.random() < 0.3:
        style.fringe = rng.uniform(7.58, 7.72) if female else rng.uniform(7.66, 7.8)
    if name in ("bob", "long") and ethnicity["african"] > 0.5 and rng.random() < 0.6:
        style.curl = rng.uniform(0.03, 0.05)
    return style


def make_style(rng: Rng, name: str) -> Style | None:
    """One haircut of the named kind."""
    u = rng.uniform
    part = float(rng.choice([-1, 1]) * u(0.1, 0.4))
    centred = part * float(rng.choice([0, 1], p=[0.3, 0.7]))
    wavy = float(rng.random() < 0.45)
    match name:
        case "bob":
            return Style(u(1.5, 2), u(0.95, 1.45), "part", centred, lift=u(0.14, 0.24), gravity=u(0.25, 0.4),
                         clump=u(0.1, 0.3), tuck=u(0.2, 0.6), curl=u(0.012, 0.03) * wavy)  # fmt: skip
        case "long":
            return Style(u(2.6, 3.5), u(2.1, 2.8), "part", centred, lift=u(0.14, 0.24), gravity=u(0.25, 0.4),
                         clump=u(0.15, 0.4), tuck=u(0.1, 0.6), curl=u(0.02, 0.05) * wavy)  # fmt: skip
        case "tied":
            return Style(u(0.8, 1), u(0.6, 0.8), "back", lift=u(0.05, 0.09), gravity=0, clump=0.2,
                         bun=u(0.22, 0.34) * float(rng.random() < 0.5))  # fmt: skip
    return make_short_style(rng, name, part)


def make_short_style(rng: Rng, name: str, part: float) -> Style | None:
    """One haircut that leaves the neck free."""
    u = rng.uniform
    match name:
        case "buzz":
            return Style(u(0.05, 0.1), u(0.03, 0.05), lift=0.03, gravity=0, clump=0, density=2.2)
        case "crop":
            return Style(u(0.28, 0.42), u(0.1, 0.22), lift=u(0.1, 0.18), part=part, gravity=0.12, clump=u(0.2, 0.5))
        case "pixie":
            return Style(u(0.5, 0.7), u(0.35, 0.5), lift=u(0.14, 0.22), part=part, clump=u(0.2, 0.5),
                         fringe=u(7.66, 7.8))  # fmt: skip
        case "quiff":
            return Style(u(0.4, 0.6), u(0.08, 0.18), "back", lift=u(0.16, 0.26), gravity=0.02, cling=u(0.4, 0.65),
                         clump=u(0.2, 0.5))  # fmt: skip
        case "side":
            return Style(u(0.6, 0.8), u(0.12, 0.28), "part", part, lift=u(0.14, 0.22), gravity=0.12,
                         clump=u(0.2, 0.5))  # fmt: skip
        case "curly":
            return Style(u(0.5, 0.8), u(0.3, 0.5), lift=u(0.18, 0.28), part=part, gravity=0.03, cling=0.4,
                         curl=u(0.03, 0.05), clump=0.6)  # fmt: skip
        case "afro":
            return Style(u(0.22, 0.45), u(0.2, 0.4), "up", lift=0.05, gravity=0, cling=0, curl=u(0.022, 0.035),
                         clump=0.25, density=1.6)  # fmt: skip
    return None


def sample_shape(rng: Rng, ethnicity: dict[str, float], male: float, old: float) -> dict[str, float]:
    """Morphs of ethnicity, sex, age, weight and shape of the head."""
    morphs: dict[str, float] = {}
    heavy = float(np.clip(rng.normal(0.05, 0.3), -0.7, 0.8))
    for age, a in (("young", 1 - old), ("old", old)):
        for sex, s in (("male", male), ("female", 1 - male)):
            for race, r in ethnicity.items():
                morphs[f"macrodetails/{race}-{sex}-{age}"] = a * s * r
            build = f"macrodetails/universal-{sex}-{age}-averagemuscle-"
            morphs[build + "averageweight"] = a * s * (1 - abs(heavy))
            morphs[build + ("maxweight" if heavy > 0 else "minweight")] = a * s * abs(heavy)
    morphs["head/head-" + pick(rng, HEAD_SHAPES)] = rng.uniform(0, 0.5)
    for name in ASYMMETRIES:
        morphs[f"asym/asym-{name}-{rng.choice(['l', 'r'])}"] = abs(rng.normal(0, 0.11))
    return morphs


def sample_identity(rng: Rng, pairs: list[tuple[str, str]]) -> dict[str, float]:
    """Morphs of single features, the same on both sides."""
    morphs: dict[str, float] = {}
    for low, high in pairs:
        folder = low.partition("/")[0]
        amount = float(np.clip(rng.normal(0, SPREAD[folder]), -0.7, 0.7)) * (rng.random() < 0.6)
        amount += EYE_MORPHS.get(low, 0.0)
        name = low if amount < 0 else high
        for side in {name, name.replace("/l-", "/r-")}:
            morphs[side] = abs(amount)
    return morphs


def sample_mood(rng: Rng) -> dict[str, float]:
    """Expression morphs: from calm to a smile that shows the teeth."""
    kind = rng.random()
    smile = rng.uniform(0.05, 0.3) if kind < 0.3 else rng.uniform(0.35, 0.8)
    parted = rng.uniform(0.5, 1) if kind > 0.6 else 0.0
    lift = rng.normal(0.02, 0.13)
    units = {"mouth-corner-puller": smile, "mouth-parling": 0.9 * parted, "mouth-open": 0.1 * parted,
             "mouth-upward-retraction": 0.35 * parted}  # fmt: skip
    inner, squint = abs(rng.normal(0, 0.03)), abs(rng.normal(0, 0.04)) + 0.06 * smile
    for side in ("left", "right"):
        units[f"eyebrows-{side}-inner-up"] = inner
        units[f"eyebrows-{side}-" + ("up" if lift > 0 else "down")] = min(abs(lift), 0.35)
        units[f"eye-{side}-slit"] = squint
    return {f"expression/units/caucasian/{name}": weight for name, weight in units.items()}
