#!/usr/bin/env python3
"""Computes datasets/us-civics.pack.jsonl from the survey file it cites, or checks that the pack still agrees with it.

    python3 scripts/make_us_civics.py path/to/nonvoters_data.csv > datasets/us-civics.pack.jsonl
    python3 scripts/make_us_civics.py path/to/nonvoters_data.csv --check datasets/us-civics.pack.jsonl

The file is `non-voters/nonvoters_data.csv` of the GitHub repository fivethirtyeight/data. Each share is the sum of the
column `weight` over the people of a group who gave an answer, divided by the same sum over everybody in the group who
was asked. -1 (skipped) is an answer of its own, `refused`; NA (not asked) leaves a person out of that question. A code
that a scale does not know stops the script.
"""

import csv
import hashlib
import json
import sys

SHA256 = "ea3aca0b31f5cc3d61e3fbf3fbf40e9e45b19058da7581825f7c83415063cb30"
NOTE = "our wording; figures answer the original wording"
LICENCE = {
    "spdx": "CC-BY-4.0",
    "attribution": "Survey figures: FiveThirtyEight, \"Why Many Americans Don't Vote\" (2020)",
    "url": "https://creativecommons.org/licenses/by/4.0/",
    "share_alike": False,
    "non_commercial": False,
}

# Code in the survey file -> option. The order is that of the scale's options. An option called `other` is one that people
# could fill in themselves: it takes no position.
SCALES = {
    "agree4": ("ordinal", [("1", "agree-strongly", "Agree strongly", 4), ("2", "agree-somewhat", "Agree somewhat", 3),
                           ("3", "disagree-somewhat", "Disagree somewhat", 2),
                           ("4", "disagree-strongly", "Disagree strongly", 1)]),
    "confident4": ("ordinal", [("1", "very", "Very confident", 4), ("2", "somewhat", "Somewhat confident", 3),
                               ("3", "not-very", "Not very confident", 2), ("4", "not-at-all", "Not confident at all", 1)]),
    "trust4": ("ordinal", [("1", "a-lot", "A lot", 4), ("2", "some", "Some", 3), ("3", "little", "Not much", 2),
                           ("4", "none", "Not at all", 1)]),
    "good4": ("ordinal", [("1", "very-good", "Very good", 4), ("2", "fairly-good", "Fairly good", 3),
                          ("3", "fairly-bad", "Fairly bad", 2), ("4", "very-bad", "Very bad", 1)]),
    "easy4": ("ordinal", [("1", "very-easy", "Very easy", 4), ("2", "rather-easy", "Somewhat easy", 3),
                          ("3", "rather-hard", "Somewhat difficult", 2), ("4", "very-hard", "Very difficult", 1)]),
    "matters2": ("nominal", [("1", "matters", "It makes a real difference who wins", None),
                             ("2", "same", "Things stay about the same whoever wins", None)]),
    "important4": ("ordinal", [("1", "very", "Very important", 4), ("2", "somewhat", "Somewhat important", 3),
                               ("3", "not-so", "Not so important", 2), ("4", "not-at-all", "Not important at all", 1)]),
    "impact4": ("ordinal", [("1", "strong", "A strong impact", 4), ("2", "some", "Some impact", 3),
                            ("3", "slight", "Only a slight impact", 2), ("4", "none", "No impact at all", 1)]),
    "change2": ("nominal", [("1", "change", "A lot has to change", None),
                            ("2", "keep", "It does not really have to change", None)]),
    "courted5": ("ordinal", [
        ("1", "works-for", "It wants people like you to vote and works hard to win your votes", 5),
        ("2", "wants", "It wants people like you to vote but does not work hard to win your votes", 4),
        ("3", "indifferent", "It does not care whether people like you vote", 3),
        ("4", "unwilling", "It does not want people like you to vote but does not work hard to stop you", 2),
        ("5", "works-against", "It does not want people like you to vote and works hard to stop you", 1)]),
    "ballot3": ("nominal", [("1", "mail", "By mail or absentee ballot", None),
                            ("2", "early", "In person before Election Day", None),
                            ("3", "election-day", "In person on Election Day", None), ("4", "other", "Another way", None)]),
}

# Id, column of the survey file, scale, our wording, tags.
QUESTIONS = [
    ("systemic-racism", "Q3_1", "agree4",
     "Do you agree or disagree that racism is built into the institutions of the United States and is a problem there?",
     ["race", "society"]),
    ("mail-ballots", "Q17_3", "confident4",
     "How confident are you that paper ballots sent in by mail are a safe way to vote for president, protected against fraud?",
     ["elections"]),
    ("police-trust", "Q8_8", "trust4", "How far do you trust the police in the United States?", ["trust", "institutions"]),
    ("supreme-court-trust", "Q8_3", "trust4", "How far do you trust the Supreme Court of the United States?",
     ["trust", "institutions"]),
    ("strong-leader", "Q9_3", "good4",
     "Would it be a good or a bad way to govern the United States if a strong leader could decide alone, with no need to "
     "deal with Congress or to win elections?", ["democracy"]),
    ("sensitive-language", "Q3_6", "agree4",
     "Do you agree or disagree that our everyday language should move with the times and show more care for people whose "
     "background is different?", ["society", "speech"]),
    ("ease-of-voting", "Q16", "easy4", "How easy or difficult is it, in your view, to cast a vote in a national election in "
     "the United States?", ["elections"]),
    ("who-wins", "Q5", "matters2",
     "If the country is to make headway on its big problems, does it make a real difference who wins the 2020 presidential "
     "election?", ["elections"]),
    ("flag", "Q2_4", "important4", "How important is it to being a good American, in your view, to show the American flag?",
     ["patriotism", "society"]),
    ("belief-in-god", "Q2_9", "important4", "How important is it to being a good American, in your view, to believe in God?",
     ["religion", "society"]),
    ("soft-society", "Q3_3", "agree4",
     "Do you agree or disagree that our society has, all in all, grown too soft and too feminine?", ["gender", "society"]),
    ("parties-do-not-care", "Q3_5", "agree4",
     "Do you agree or disagree that the established parties and politicians take no interest in people like you?",
     ["parties", "trust"]),
    ("wall-street-impact", "Q4_5", "impact4",
     "How much of an impact do the large financial institutions on Wall Street have on your life?", ["economy"]),
    ("government-design", "Q7", "change2",
     "Looking at how American government is designed and built, which is nearer to your view: that a lot has to change, or "
     "that it does not really have to change?", ["institutions", "democracy"]),
    ("postal-trust", "Q8_9", "trust4", "How far do you trust the US Postal Service?", ["trust", "institutions"]),
    ("expert-rule", "Q9_2", "good4",
     "Would it be a good or a bad way to govern the United States if experts, and not the government, took the decisions "
     "they think best for the country?", ["democracy", "expertise"]),
    ("online-votes", "Q17_4", "confident4",
     "How confident are you that votes sent in electronically, online or by email, are a safe way to vote for president, "
     "protected against fraud?", ["elections", "technology"]),
    ("way-to-vote", "Q24", "ballot3",
     "Whether or not you are registered and mean to vote: in which way would you most like to vote in the presidential "
     "election of 2020?", ["elections"]),
    ("republicans-and-voters", "Q14", "courted5",
     "Going by what you have seen and experienced, what does the Republican Party think of voting by people like you?",
     ["parties", "elections"]),
    ("democrats-and-voters", "Q15", "courted5",
     "Going by what you have seen and experienced, what does the Democratic Party think of voting by people like you?",
     ["parties", "elections"]),
]

# Dimension -> (what to read from a person, [(value, id, label, how to name it to a model)]).
GROUPS = {
    "party": (lambda person: person["Q30"], [
        ("1", "republican", "Republicans", "a Republican"), ("2", "democrat", "Democrats", "a Democrat"),
        ("3", "independent", "Independents", "a political independent"),
        ("4", "other", "Supporters of another party", "a supporter of a smaller party"),
        ("5", "no-preference", "No party preference", "a person without a party preference")]),
    "age": (lambda person: age_band(int(person["ppage"])), [
        ("under-35", "under-35", "Under 35", "a person under 35"), ("35-49", "35-49", "35 to 49", "a person aged 35 to 49"),
        ("50-64", "50-64", "50 to 64", "a person aged 50 to 64"),
        ("65-up", "65-up", "65 and over", "a person aged 65 or more")]),
    "education": (lambda person: person["educ"], [
        ("High school or less", "high-school", "High school or less", "a person who did not go to college"),
        ("Some college", "some-college", "Some college", "a person with some college education"),
        ("College", "college", "College degree", "a person with a college degree")]),
    "race": (lambda person: person["race"], [
        ("White", "white", "White", "a white American"), ("Black", "black", "Black", "a Black American"),
        ("Hispanic", "hispanic", "Hispanic", "a Hispanic American"),
        ("Other/Mixed", "other-mixed", "Other or mixed", "an American of another or mixed race")]),
    "gender": (lambda person: person["gender"], [
        ("Female", "female", "Women", "a woman"), ("Male", "male", "Men", "a man")]),
    "income": (lambda person: person["income_cat"], [
        ("Less than $40k", "under-40k", "Under $40,000", "a person in a household with less than $40,000 a year"),
        ("$40-75k", "40-75k", "$40,000 to $75,000", "a person in a household with $40,000 to $75,000 a year"),
        ("$75-125k", "75-125k", "$75,000 to $125,000", "a person in a household with $75,000 to $125,000 a year"),
        ("$125k or more", "125k-up", "$125,000 or more", "a person in a household with $125,000 a year or more")]),
    "voting": (lambda person: person["voter_category"], [
        ("always", "always", "Nearly always vote", "a person who nearly always votes"),
        ("sporadic", "sporadic", "Sometimes vote", "a person who votes in some elections"),
        ("rarely/never", "rarely", "Rarely or never vote", "a person who rarely or never votes")]),
}


def age_band(age):
    """The band a person of this age belongs to."""
    return "under-35" if age < 35 else "35-49" if age < 50 else "50-64" if age < 65 else "65-up"


def shares(people, column, scale):
    """Weighted share of each option, to six decimals, and how many people were asked."""
    asked = [person for person in people if person[column] != "NA"]
    options = {code: option for code, option, _, _ in SCALES[scale][1]} | {"-1": "refused"}
    sums = {option: 0.0 for option in options.values()}
    for person in asked:
        sums[options[person[column]]] += float(person["weight"])
    total = sum(sums.values())
    return {option: round(weight / total, 6) for option, weight in sums.items()}, len(asked)


def slices(people):
    """Every group with its people: all adults first, which makes them the default reference."""
    yield {"id": "us.all", "label": "All adult citizens", "dimension": "all", "country": "US",
           "prompt": "an adult citizen of the United States"}, people
    for dimension, (read, values) in GROUPS.items():
        for value, slug, label, prompt in values:
            members = [person for person in people if read(person) == value]
            yield {"id": f"us.{dimension}.{slug}", "label": label, "dimension": dimension, "parent": "us.all",
                   "country": "US", "prompt": prompt}, members


def lines(people):
    """The lines of the pack."""
    groups = list(slices(people))
    yield {"kind": "pack", "format": "pluralpack/1", "id": "us-civics", "version": "0.2.0", "title": "US civics",
           "summary": "What adult citizens of the United States thought of their institutions, elections and each other in "
                      "the autumn of 2020, by party, age, education, race, gender, income and voting habit.",
           "lang": "en", "licence": LICENCE,
           "warnings": ["The questions are in our wording; the figures answer the original wording of the survey of 2020."],
           "counts": {"source": 1, "scale": len(SCALES), "group": len(groups), "item": len(QUESTIONS)}}
    yield {"kind": "source", "id": "538-non-voters",
           "title": "FiveThirtyEight: Why Many Americans Don't Vote",
           "citation": "FiveThirtyEight, \"Why Many Americans Don't Vote\" (2020, Ipsos KnowledgePanel; 5,836 US citizens)",
           "repo": "https://github.com/fivethirtyeight/data", "commit": "fcf572c4fba05a42f1f34f415bd5e6dc389efd68",
           "path": "non-voters/nonvoters_data.csv", "sha256": SHA256, "licence": LICENCE,
           "changes": ["weighted shares per group computed from the answers of single people",
                       "questions worded anew", "skipped answers kept as the option `refused`"]}
    for name, (measure, options) in SCALES.items():
        rows = [{"id": option, "label": label} | ({} if value is None else {"value": value})
                | ({"role": "other"} if option == "other" else {}) for _, option, label, value in options]
        rows.append({"id": "refused", "label": "No answer", "role": "refused"})
        yield {"kind": "scale", "id": name, "measure": measure, "reversible": measure == "ordinal", "options": rows}
    for group, _ in groups:
        yield {"kind": "group"} | group
    for name, column, scale, text, tags in QUESTIONS:
        references = []
        for group, members in groups:
            figures, asked = shares(members, column, scale)
            references.append({"group": group["id"], "basis": "survey", "year": 2020, "fieldwork": "September 2020",
                               "n": asked, "weighted": True, "shares": figures, "source": "538-non-voters", "note": NOTE})
        yield {"kind": "item", "id": name, "text": text,
               "ask": {"form": "choice", "scale": scale, "order": "reversible" if SCALES[scale][0] == "ordinal" else "free"},
               "reference": references, "tags": tags,
               "origin": {"source": "538-non-voters", "row": column, "changes": ["our wording"]}}


def main():
    if len(sys.argv) not in (2, 4) or (len(sys.argv) == 4 and sys.argv[2] != "--check"):
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != SHA256:
        # The published file also has columns that are not needed here, so another checksum may still be right.
        print(f"note: {sys.argv[1]} is not the file the pack was made from; figures may differ", file=sys.stderr)
    people = list(csv.DictReader(content.decode("utf-8").splitlines()))
    made = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines(people)]
    if len(sys.argv) == 2:
        print("\n".join(made))
        return
    with open(sys.argv[3], encoding="utf-8") as file:
        kept = file.read().splitlines()
    differing = [n for n in range(1, max(len(made), len(kept)) + 1) if made[n - 1:n] != kept[n - 1:n]]
    if differing:
        sys.exit(f"{sys.argv[3]}: lines {', '.join(map(str, differing))} differ from what {sys.argv[1]} gives")
    print(f"{sys.argv[3]}: all {len(kept)} lines agree with {sys.argv[1]}")


if __name__ == "__main__":
    main()
