# ruff: noqa: E501, SIM905  # a table, a script's part, not a package
"""Made-up identifiers in the styles of clinical notes and letters, for measuring `medical.deidentify`.

Written before the patterns of the package and apart from them: nothing is imported from it. Each style says
how people write a thing, not what a pattern can find; those of the side `held_out` were not looked at while the
patterns were made, those of the side `bare` have nothing around them that tells.
Names are frequent ones of the 1990 census of the United States (public domain).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

FIRST = (
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph "
    "Jessica Thomas Sarah Carlos Karen Daniel Lisa Anthony Nancy Mark Betty Hector Sandra Steven Ashley Andrew Kim "
    "Joshua Emily Kenneth Donna Kevin Michelle Brian Carol George Amanda Timothy Dorothy Ronald Melissa Jorge Deborah "
    "José Chloë Siobhan Dmitri Aisha Wei Nguyen Fatima Rajesh Ingrid"
).split()
LAST = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson "
    "Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young "
    "Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter "
    "O'Brien McDonald Smith-Jones Müller Ivanova Okafor Patel VanBuren DeLuca St.Clair"
).split()
STREET = "Maple Oak Washington Lake Hill Walnut Spring North Ridge Church Willow Mill Sunset Railroad Jefferson".split()
STREET_KIND = (
    "Street St St. Avenue Ave Ave. Road Rd Drive Dr. Lane Ln Boulevard Blvd Court Ct Way Place".split()
)
CITY = [
    "Springfield",
    "Dayton",
    "Fort Wayne",
    "San Mateo",
    "Eau Claire",
    "Tulsa",
    "Grand Rapids",
    "Macon",
    "Salem",
]
STATE = {
    "IL": "Illinois",
    "OH": "Ohio",
    "IN": "Indiana",
    "CA": "California",
    "WI": "Wisconsin",
    "OK": "Oklahoma",
}
MONTH = "January February March April May June July August September October November December".split()

Make = Callable[[random.Random], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """One way to write one kind of identifier: sentences with `@` for the identifier, and how it is made."""

    kind: str
    sentences: tuple[str, ...]
    make: Make
    side: str = "seen"
    """`seen`, `held_out` or `bare`."""
    also: str = ""
    """A kind that the sentence around it holds, too: the city before a ZIP code."""


def digits(shape: str) -> Make:
    """Return a maker: `#` becomes a digit, `+` one from 1 to 9, `?` a capital, the rest stays."""

    def make(rng: random.Random) -> str:
        pools = {"#": "0123456789", "+": "123456789", "?": "ABCDEFGHJKLMNPRSTUVWXYZ"}
        return "".join(rng.choice(pools[sign]) if sign in pools else sign for sign in shape)

    return make


def one_of(*makers: Make) -> Make:
    """Return a maker that takes one of these each time."""
    return lambda rng: rng.choice(makers)(rng)


def area(rng: random.Random) -> str:
    return f"{rng.choice('23456789')}{rng.randrange(10)}{rng.randrange(10)}"


def phone(shape: str) -> Make:
    return lambda rng: digits(shape.replace("AAA", area(rng)).replace("BBB", area(rng)))(rng)


def full_name(rng: random.Random) -> str:
    middle = rng.choice(["", "", f" {rng.choice('ABCDEHJLMRST')}."])
    return f"{rng.choice(FIRST)}{middle} {rng.choice(LAST)}"


def last_name(rng: random.Random) -> str:
    return rng.choice(LAST)


def last_first(rng: random.Random) -> str:
    return f"{rng.choice(LAST)}, {rng.choice(FIRST)}"


def first_name(rng: random.Random) -> str:
    return rng.choice(FIRST)


def capitals(rng: random.Random) -> str:
    return full_name(rng).upper()


def date(form: str) -> Make:
    """Return a maker for dates of 1935 to 2023 in a form made of {m} {mm} {d} {dd} {y} {yy} {M} {Mon} {th}."""

    def make(rng: random.Random) -> str:
        year, month, day = rng.randrange(1935, 2024), rng.randrange(1, 13), rng.randrange(1, 29)
        th = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
        name = MONTH[month - 1]
        return form.format(
            m=month,
            mm=f"{month:02}",
            d=day,
            dd=f"{day:02}",
            y=year,
            yy=f"{year % 100:02}",
            M=name,
            Mon=name[:3],
            th=f"{day}{th}",
        )

    return make


def street(rng: random.Random) -> str:
    number = rng.randrange(1, 9999)
    unit = rng.choice(["", "", ", Apt 4B", " Apt. 12", ", Suite 200", " #3", ", Unit 7"])
    return f"{number} {rng.choice(STREET)} {rng.choice(STREET_KIND)}{unit}"


def city(rng: random.Random) -> str:
    return rng.choice(CITY)


def old_age(rng: random.Random) -> str:
    return str(rng.randrange(90, 108))


def login(rng: random.Random) -> str:
    return f"{rng.choice(FIRST[:40]).lower()}.{rng.choice(LAST[:50]).lower()}{rng.choice(['', '7', '1984'])}"


def email(rng: random.Random) -> str:
    host = rng.choice(["example.com", "mail.example.org", "clinic.example.net", "example.co.uk"])
    return f"{login(rng)}@{host}"


def url(rng: random.Random) -> str:
    page = rng.choice(["patients/{}", "~{}", "portal/index.html?user={}", "{}"]).format(login(rng))
    return f"{rng.choice(['https://', 'http://', 'www.', 'https://www.'])}example.org/{page}"


def ipv4(rng: random.Random) -> str:
    return ".".join(str(rng.randrange(1, 255)) for _ in range(4))


def ipv6(rng: random.Random) -> str:
    return "2001:db8:" + ":".join(f"{rng.randrange(1, 65535):x}" for _ in range(6))


def mac(rng: random.Random) -> str:
    return ":".join(f"{rng.randrange(256):02X}" for _ in range(6))


def vin(rng: random.Random) -> str:
    return "1" + "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(16))


def style(kind: str, make: Make, *sentences: str, side: str = "seen", also: str = "") -> Style:
    return Style(kind=kind, sentences=sentences, make=make, side=side, also=also)


# fmt: off
STYLES = (
    style("name", full_name, "Patient: @", "Patient Name: @", "PATIENT NAME: @", "Name: @", "Pt. name: @"),
    style("name", last_first, "Patient: @", "Name: @", "Patient Name: @"),
    style("name", last_name, "Mr. @ was seen in clinic today.", "I saw Mrs. @ again this morning.", "Ms. @ feels well."),
    style("name", full_name, "Dr. @ was consulted.", "She was referred by Dr. @ for further care.",
          "Discussed with Prof. @ by telephone."),
    style("name", full_name, "Electronically signed by @", "Dictated by: @", "Signed by: @", "Attending physician: @"),
    style("name", full_name, "@, MD", "@, M.D., Ph.D.", "@, RN", "Reviewed and agreed: @, DO"),
    style("name", first_name, "Her husband @ was present.", "He lives with his daughter, @, and two dogs.",
          "His wife @ gave the history."),
    style("name", full_name, "Thank you for referring @ to our clinic.", "I had the pleasure of seeing @ today.",
          "@ is a pleasant 64-year-old woman with knee pain.", side="held_out"),
    style("name", capitals, "PATIENT: @", "RE: @", "Re: @", side="held_out"),
    style("name", full_name, "cc: @", "Emergency contact: @ (sister)", "Next of kin: @", "Dear @,", side="held_out"),
    style("address", street, "He lives at @.", "Address: @", "Mail was returned from @ last week.", "Home address: @"),
    style("address", city, "She moved from @, OH last year.", "He was born in @, California.", "Lives in @, WI."),
    style("address", city, "City: @", "He was transferred from a hospital in the city of @.", side="held_out"),
    style("address", digits("P.O. Box +###"), "Mail goes to @.", "Address: @", side="held_out"),
    style("zip", digits("+####"), "Springfield, IL @", "Grand Rapids, MI @", "Tulsa, Oklahoma @", "Salem, OR @", also="address"),
    style("zip", digits("+####"), "ZIP: @", "Zip code @ was on the form.", "ZIP @"),
    style("zip", digits("+####-####"), "The form says @.", "ZIP @"),
    style("zip", digits("+####"), "postal code: @", "zipcode=@", side="held_out"),
    style("date", date("{m}/{d}/{y}"), "Seen on @.", "DOB: @", "Surgery @ without complication.", "Date of service: @"),
    style("date", date("{mm}/{dd}/{yy}"), "Admitted @.", "Discharge date: @", "Labs of @ were normal."),
    style("date", date("{y}-{mm}-{dd}"), "Admission date: @", "Last visit @, no complaints."),
    style("date", date("{M} {d}, {y}"), "She was seen on @ for follow-up.", "Date of birth: @"),
    style("date", date("{d} {M} {y}"), "Operation on @.", "He died on @."),
    style("date", date("{Mon} {d}, {y}"), "X-ray @: clear.", "Report of @"),
    style("date", date("{M} {y}"), "He had a stroke in @.", "Since @ she has had no seizures."),
    style("date", date("{M} {th}"), "Return on @.", "The rash appeared around @."),
    style("date", date("{dd}-{Mon}-{y}"), "Collected @", "Date: @"),
    style("date", date("{m}/{d}"), "Fever began on @.", "Blood drawn on @ was sterile."),
    style("date", date("{th} of {M} {y}"), "Born on the @.", "He fell on the @.", side="held_out"),
    style("date", date("{dd}.{mm}.{y}"), "DOB @", "Vaccinated @", side="held_out"),
    style("date", date("{m}-{d}-{yy}"), "Seen @ by neurology.", "Date of injury: @", side="held_out"),
    style("date", date("{y}{mm}{dd}"), "DOB: @", "Date of birth @", side="held_out"),
    style("age", old_age, "This is a @-year-old woman.", "The patient is @ years old.", "Age: @", "@ y/o male with cough."),
    style("age", old_age, "A @ year old man fell at home.", "He is @ years of age.", "aged @", side="held_out"),
    style("age", digits("9#"), "@F with chest pain.", "@M s/p fall.", side="held_out"),
    style("phone", phone("(AAA) BBB-####"), "Call @ with results.", "Phone: @", "Home phone @"),
    style("phone", phone("AAA-BBB-####"), "Reach the daughter at @.", "Tel: @", "Cell: @"),
    style("phone", phone("AAA.BBB.####"), "Contact @ after noon.", "Tel. @"),
    style("phone", phone("1-AAA-BBB-####"), "Please call @.", "Pager @"),
    style("phone", lambda rng: "+1 " + phone("AAA BBB ####")(rng), "Mobile @", "Phone number is @.", side="held_out"),
    style("phone", phone("AAA-BBB-#### ext. ###"), "Office: @", "Her work number is @.", side="held_out"),
    style("phone", phone("AAABBB####"), "Phone: @", "phone number @", "Cell @", side="held_out"),
    style("fax", phone("(AAA) BBB-####"), "Fax: @", "Records were faxed to @.", "FAX @"),
    style("fax", phone("AAA.BBB.####"), "F: @", "Facsimile: @", "fax number @", side="held_out"),
    style("email", email, "E-mail: @", "Write to @ for records.", "Her e-mail is @.", "<@>"),
    style("email", lambda rng: email(rng).replace("@", " at ").replace(".com", " dot com"), "E-mail: @", side="held_out"),
    style("ssn", digits("+##-##-####"), "SSN: @", "Social Security number @", "His social is @.", "SS# @"),
    style("ssn", digits("+########"), "SSN: @", "SSN @ on file.", "Social Security Number: @", side="held_out"),
    style("ssn", digits("+## ## ####"), "SSN @", "SSN: @", side="held_out"),
    style("mrn", digits("+######"), "MRN: @", "MRN @", "Medical record number: @", "MR# @", "MRN#@"),
    style("mrn", digits("+#-##-##"), "MRN: @", "Medical Record No. @", "Unit number: @"),
    style("mrn", digits("??+#####"), "Hospital number: @", "Chart #: @", "Patient ID: @", side="held_out"),
    style("health_plan", digits("???+########"), "Member ID: @", "Insurance ID: @", "Policy number @", "Subscriber ID @"),
    style("health_plan", digits("+#########?"), "Medicare number @", "Medicare ID: @", "Medicaid #: @"),
    style("health_plan", digits("?##-+######"), "Group no.: @", "Beneficiary number @", "Health plan ID @", side="held_out"),
    style("account", digits("+#########"), "Account number: @", "Acct #: @", "Account no. @", "Acct. @"),
    style("account", digits("??##-+#####"), "Billing account: @", "Bank account @", "IBAN: @", side="held_out"),
    style("licence", digits("?+######"), "Driver's license: @", "DEA number: @", "License # @", "DL# @"),
    style("licence", digits("+#########"), "NPI: @", "Medical license no. @", "Certificate number: @"),
    style("licence", digits("??-+#####"), "State license number @", "Licence No: @", "Board certificate # @", side="held_out"),
    style("vehicle", vin, "VIN: @", "The VIN of the car was @.", "Vehicle identification number @"),
    style("vehicle", digits("+???###"), "License plate @", "License plate number: @", "Plate no. @"),
    style("vehicle", digits("??? ####"), "Vehicle registration: @", "plate: @", "Car plates @", side="held_out"),
    style("device", digits("??+######"), "Serial number: @", "Pacemaker serial no. @", "S/N: @", "Device ID: @"),
    style("device", digits("(01)+#############(21)?####"), "UDI: @", "Implant label @."),
    style("device", mac, "Pump MAC address @", "MAC: @", side="held_out"),
    style("device", digits("?##-+####"), "Lot number: @", "Model no. @", "Implant SN @", side="held_out"),
    style("url", url, "See @ for photographs.", "Portal: @", "Her page @ lists them."),
    style("url", lambda rng: f"{login(rng)}.example.com/records", "Portal: @", "Posted at @.", side="held_out"),
    style("ip", ipv4, "Logged in from @.", "IP address: @", "IP @"),
    style("ip", ipv6, "Logged in from @.", "IP: @", side="held_out"),
    style("biometric", digits("FP-+######"), "Fingerprint ID: @", "Biometric ID @", "Voiceprint: @"),
    style("biometric", digits("+#######"), "Retinal scan no. @", "Iris template ID: @", side="held_out"),
    style("other_id", digits("+#-#####"), "Case number: @", "Accession #: @", "Encounter ID: @", "Specimen no. @"),
    style("other_id", digits("??-+####"), "Study ID: @", "Subject number @", "Claim no. @"),
    style("other_id", digits("?##+####"), "Visit number: @", "Order #@", "Referral ID @", "Rx #: @", side="held_out"),
    style("name", lambda rng: f"{rng.choice(('Ikenna', 'Zofia', 'Tariq', 'Maeve'))} {last_name(rng)}", "Saw @ again yesterday.",
          "Labs for @ came back.", side="bare"),
    style("name", last_name, "@ tolerated the procedure well.", "We told @ to come back.", side="bare"),
    style("name", lambda rng: full_name(rng).lower(), "saw @ today, doing well.", "@ called again.", side="bare"),
    style("address", city, "She flew in from @ for this.", "The @ clinic sent the films.", side="bare"),
    style("address", lambda rng: f"{rng.choice(STREET).lower()} street", "Found on @ by a passer-by.", side="bare"),
    style("zip", digits("+####"), "Mail to @ was returned.", side="bare"),
    style("date", date("the {th}"), "Return on @.", "Surgery is set for @.", side="bare"),
    style("date", date("{mm}/{dd}"), "CT chest @ clear.", "@: afebrile.", side="bare"),
    style("age", digits("nineties"), "A woman in her @ with a cough.", side="bare"),
    style("phone", phone("BBB-####"), "Reach him at @.", "Left a message at @.", side="bare"),
    style("mrn", digits("########"), "@ seen in triage.", "Film jacket @ missing.", side="bare"),
    style("account", digits("+#########"), "Billed to @.", side="bare"),
    style("other_id", digits("??+####"), "Enrolled as @.", "Tube @ was lost.", side="bare"),
)
