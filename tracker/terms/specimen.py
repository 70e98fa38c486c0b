"""Terms of specimens."""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class SpecimenType(Term):
    """What a specimen is. Fixed tissue may be archived: it was often taken for the diagnosis, before any consent."""

    FIXED_TISSUE = (
        "fixed tissue",
        _l("Tissue, fixed in formalin (FFPE)"),
        "FFPE",
        "paraffin block",
        "archival tissue",
    )
    FROZEN_TISSUE = "frozen tissue", _l("Tissue, frozen"), "fresh frozen", "snap frozen"
    FRESH_TISSUE = "fresh tissue", _l("Tissue, fresh"), "fresh"
    EFFUSION = "effusion", _l("Effusion or ascites"), "ascites", "pleural effusion"
    BONE_MARROW = "bone marrow", _l("Bone marrow")
    BLOOD = "whole blood", _l("Whole blood"), "blood", "EDTA blood"
    PLASMA = "plasma", _l("Plasma")
    SERUM = "serum", _l("Serum")
    PBMC = "PBMC", _l("Mononuclear blood cells (PBMC)"), "peripheral blood mononuclear cells"
    STOOL = "stool", _l("Stool"), "feces", "faeces"
    URINE = "urine", _l("Urine")
    SALIVA = "saliva", _l("Saliva")
    OTHER = "other", _l("Other")

    @property
    def is_tissue(self) -> bool:
        return self in (SpecimenType.FIXED_TISSUE, SpecimenType.FROZEN_TISSUE, SpecimenType.FRESH_TISSUE)


class AnatomicPlace(Term):
    """Which tumor a specimen is of."""

    PRIMARY = "primary", _l("Primary tumor"), "primary tumor"
    METASTASIS = "metastasis", _l("Metastasis"), "metastatic"


class SpecimenQuality(Term):
    ADEQUATE = "adequate", _l("Adequate"), "good", "pass", "passed"
    LIMITED = "limited", _l("Limited"), "marginal", "suboptimal"
    INADEQUATE = "inadequate", _l("Inadequate"), "poor", "fail", "failed"


class SpecimenStatus(Term):
    """Where a specimen is."""

    AVAILABLE = "available", _l("Available"), "stored", "in stock"
    SENT = "sent out", _l("Sent to a laboratory"), "shipped"
    USED_UP = "used up", _l("Used up"), "exhausted", "depleted"
    LOST = "lost", _l("Lost")
    DESTROYED = "destroyed", _l("Destroyed"), "discarded"
