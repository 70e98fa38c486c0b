"""Terms of agents and regimens.

Mechanism classes follow the classes of immuno-oncology agents in Tang et al., Nat Rev Drug Discov
2018;17:854-855 (the Cancer Research Institute's landscape), with the usual partners of a combination added.
"""

from flask_babel import lazy_gettext as _l

from tracker.terms.base import Term


class MechanismClass(Term):
    PD_1 = "PD-1 inhibitor", _l("PD-1 inhibitor"), "anti-PD-1"
    PD_L1 = "PD-L1 inhibitor", _l("PD-L1 inhibitor"), "anti-PD-L1"
    CTLA_4 = "CTLA-4 inhibitor", _l("CTLA-4 inhibitor"), "anti-CTLA-4"
    LAG_3 = "LAG-3 inhibitor", _l("LAG-3 inhibitor")
    TIGIT = "TIGIT inhibitor", _l("TIGIT inhibitor")
    TIM_3 = "TIM-3 inhibitor", _l("TIM-3 inhibitor")
    OTHER_CHECKPOINT = "other checkpoint inhibitor", _l("Other checkpoint inhibitor")
    COSTIMULATION = "costimulatory agonist", _l("Costimulatory agonist (OX40, 4-1BB, ICOS, GITR, CD40)")
    T_CELL_ENGAGER = "T-cell engager", _l("T-cell engager")
    CELL_THERAPY = "cell therapy", _l("Cell therapy (CAR-T, TCR-T, TIL, NK)")
    VACCINE = "cancer vaccine", _l("Cancer vaccine")
    ONCOLYTIC_VIRUS = "oncolytic virus", _l("Oncolytic virus")
    CYTOKINE = "cytokine", _l("Cytokine")
    INNATE_AGONIST = "innate immune agonist", _l("Innate immune agonist (STING, TLR)")
    METABOLIC = "immune metabolism inhibitor", _l("Immune metabolism inhibitor (IDO, adenosine, arginase)")
    ADC = "antibody-drug conjugate", _l("Antibody-drug conjugate")
    CHEMOTHERAPY = "chemotherapy", _l("Chemotherapy")
    RADIOTHERAPY = "radiotherapy", _l("Radiotherapy")
    ANTI_ANGIOGENIC = "anti-angiogenic", _l("Anti-angiogenic")
    HER2 = "HER2-targeted", _l("HER2-targeted")
    ENDOCRINE = "endocrine therapy", _l("Endocrine therapy")
    CDK4_6 = "CDK4/6 inhibitor", _l("CDK4/6 inhibitor")
    PARP = "PARP inhibitor", _l("PARP inhibitor")
    KINASE = "other kinase inhibitor", _l("Other kinase inhibitor")
    EPIGENETIC = "epigenetic agent", _l("Epigenetic agent")
    MICROBIOME = "microbiome therapy", _l("Microbiome therapy")
    PLACEBO = "placebo", _l("Placebo")
    OTHER = "other", _l("Other")
    NOT_STATED = "not stated", _l("Not stated")


class Modality(Term):
    ANTIBODY = "antibody", _l("Antibody")
    BISPECIFIC = "bispecific antibody", _l("Bispecific antibody")
    CONJUGATE = "antibody-drug conjugate", _l("Antibody-drug conjugate")
    SMALL_MOLECULE = "small molecule", _l("Small molecule")
    CELL = "cell product", _l("Cell product")
    VACCINE = "vaccine", _l("Vaccine")
    VIRUS = "virus", _l("Virus")
    PROTEIN = "recombinant protein", _l("Recombinant protein")
    NUCLEIC_ACID = "nucleic acid", _l("Nucleic acid")
    MICROBIAL = "live microbial product", _l("Live microbial product")
    RADIATION = "radiation", _l("Radiation")
    OTHER = "other", _l("Other")
    NOT_STATED = "not stated", _l("Not stated")


class ComponentRole(Term):
    BACKBONE = "backbone", _l("Backbone")
    ADDED = "added", _l("Added")
    SEQUENTIAL = "sequential", _l("Sequential")


class DoseUnit(Term):
    MG = "mg", _l("mg")
    MG_KG = "mg/kg", _l("mg/kg")
    MG_M2 = "mg/m2", _l("mg/m²"), "mg/m²"
    UG = "ug", _l("µg"), "µg", "mcg"
    UG_KG = "ug/kg", _l("µg/kg"), "µg/kg"
    G = "g", _l("g")
    AUC = "AUC", _l("AUC (mg/ml × min)")
    IU = "IU", _l("IU")
    MIU = "million IU", _l("million IU"), "MIU"
    CELLS = "cells", _l("cells")
    CELLS_KG = "cells/kg", _l("cells/kg")
    PFU = "PFU", _l("PFU")
    GY = "Gy", _l("Gy")


class Route(Term):
    INTRAVENOUS = "intravenous", _l("Intravenous"), "IV"
    SUBCUTANEOUS = "subcutaneous", _l("Subcutaneous"), "SC"
    INTRAMUSCULAR = "intramuscular", _l("Intramuscular"), "IM"
    INTRATUMORAL = "intratumoral", _l("Intratumoral"), "IT"
    INTRADERMAL = "intradermal", _l("Intradermal"), "ID"
    INTRAPERITONEAL = "intraperitoneal", _l("Intraperitoneal"), "IP"
    ORAL = "oral", _l("Oral"), "PO"
    EXTERNAL_BEAM = "external beam", _l("External beam")
    OTHER = "other", _l("Other")


class ReferenceEndpoint(Term):
    """What a published result tells of; the rate is a fraction of its participants."""

    ORR = "orr", _l("Objective response rate (ORR)")
    DCR = "dcr", _l("Disease control rate (DCR)")
    CBR = "cbr", _l("Clinical benefit rate (CBR)")
    PCR = "pcr", _l("Pathological complete response (pCR)")


class CombinationVerdict(Term):
    """What may be said of a combination beside its components; the value is what files hold."""

    ABOVE = "above independent action", _l("Above independent action")
    BETTER = (
        "better than its best component, not above independent action",
        _l("Better than its best component, not above independent action"),
    )
    NOT_BETTER = "not shown better than its best component", _l("Not shown better than its best component")
    NOT_ASSESSABLE = "not assessable", _l("Not assessable")


class ResultSource(Term):
    """Where a rate in a combination's ledger comes from."""

    OWN = "own", _l("Own participants")
    CONCURRENT = "concurrent", _l("Concurrent: own participants, same randomised trial")
    HISTORICAL = "historical", _l("Historical: own participants, another trial or not randomised")
    PUBLISHED = "published", _l("Published")
