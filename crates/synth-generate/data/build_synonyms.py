#!/usr/bin/env python3
"""Builds synonyms.txt and forms.txt, the tables of `synth_generate::Augmenter`, from WordNet 3.0.

    python3 build_synonyms.py FOLDER     # the folder with data.noun, index.noun, noun.exc, cntlist.rev, ...

The tables in the repository were built from the Debian package wordnet-base 1:3.0-37, which puts the files into
/usr/share/wordnet; WordNet itself is at https://wordnet.princeton.edu. Python 3.9 or newer, nothing else; the same
files give the same bytes. The licence of WordNet, which also holds for the tables, is in WORDNET-LICENSE.

A word may stand for another only where that is likely to be right without reading the sentence: both have one sense
that is much more frequent than their others (counted in the texts that WordNet's authors tagged, cntlist.rev), it is
the same sense, and the synonym is not rare. That leaves few synonyms of WordNet's, and those that people use.

synonyms.txt, one entry a line, sorted by its bytes:
    word<TAB>letters<TAB>letter:synonym,synonym<TAB>...
    word word
The letters n, v, a, r are parts of speech of the word: noun, verb, adjective, adverb, most frequent first. If the
first is `-`, none is so frequent that the bare word can be taken for it; inflected forms may still tell. Parts of
speech without synonyms have no list. A word without lists is one that is known, and known not to be a name.
Lines with spaces are fixed expressions, whose words stand or fall together.

forms.txt, sorted: inflected forms that no rule makes.
    form<TAB>lemma<TAB>kind kind ...
"""

import collections
import re
import sys
from pathlib import Path

FILES = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
SENSE_KEY_POS = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}

# A sense nobody met while tagging is still possible; the first one of a word more than the others.
PRIOR = 1.0
# The share of its part of speech that a sense of a word needs so that its synonyms may replace the word.
LEAST_SHARE = 0.35
# The same, of a word that was never met: nothing but the only sense is sure.
LEAST_SHARE_UNSEEN = 0.9
# The same, for the synonym: it must not make readers think of something else.
LEAST_SHARE_SYNONYM = 0.4
# How often a synonym was met at least; the same, with the glosses of WordNet counted; and how often it was met in its
# sense as a share of how often the word was.
LEAST_COUNT, LEAST_FREQUENCY, LEAST_RATIO = 3, 6, 0.03
# The share of the patterns of sentence that two verbs have in common.
LEAST_PATTERNS = 0.5
# A part of speech that is not the most frequent of its word must have been met so often, in the sense of its synonyms.
LEAST_MINOR_COUNT = 2
# From this share of capitalised senses on a word may be a name that lost its capital.
LEAST_NAME_SHARE = 0.25
# The share of a word's uses that its most frequent part of speech needs so that the bare word is taken for it.
LEAST_POS_SHARE = 0.75
# The same, of synonyms, which stand in a sentence that tells the part of speech.
LEAST_POS_SHARE_SYNONYM = 0.25
# If the other reading is so many times more frequent, a word is nothing but an inflected form of another ("said"),
# or nothing but itself.
FORM_RATIO, WORD_RATIO = 20, 2
# Compounds of words that were met so often are kept.
LEAST_COMPOUND_COUNT = 10
MAX_SYNONYMS = 5

# Usage domains and glosses by which WordNet marks words that hurt: they are in no table. Senses that only some people
# use, or that few want to be understood in, lend no synonyms.
HURTING = {"disparagement", "ethnic_slur", "obscenity"}
HURTING_GLOSS = re.compile(
    r"\((ethnic slur|offensive|obscene|vulgar|disparag|derogat)|ethnic slur"
    r"|(offensive|obscene|derogatory|disparaging|insulting|contemptuous|vulgar) (terms?|names?|words?|slang|usage)"
)
UNUSUAL_GLOSS = re.compile(r"slang|nautical|archaic|sexual|prostitut|genital|penis|condemn|intercourse")
UNUSUAL = {"archaism", "slang", "dialect", "regionalism", "trade_name", "trademark", "French", "Yiddish"}

# Verbs whose past is their base form: of the bare word nobody can tell which it is.
UNCHANGED = (
    "bet bid broadcast burst cast cost cut forecast hit hurt let offset put quit read reset rid set shed shut slit "
    "split spread thrust upset wed".split()
)
# Verbs of which WordNet knows an older or British form besides the regular one, which is as good.
ALSO_REGULAR = set(
    "bless burn clothe curse dream dwell hew kneel lean leap learn light melt mow program prove saw sew shave smell "
    "spell spill spoil sow swell trammel transfix work".split()
)
# The same, of nouns.
REGULAR_NOUNS = set("brother cow cloth money penny staff eye".split())
# Nouns whose regular plural no rule is sure of, or is wrong.
PLURALS = """
photo photos; auto autos; piano pianos; logo logos; memo memos; casino casinos; disco discos; hero heroes;
potato potatoes; tomato tomatoes; echo echoes; stomach stomachs; monarch monarchs; epoch epochs; patriarch patriarchs
"""
# Base, past and participle. Verbs that are irregular and not here are left out of the tables.
IRREGULAR = """
arise arose arisen; bear bore borne; beat beat beaten; become became become; begin began begun; behold beheld beheld;
bend bent bent; bind bound bound; bite bit bitten; bleed bled bled; blow blew blown; break broke broken;
breed bred bred; bring brought brought; build built built; buy bought bought; catch caught caught;
choose chose chosen; cling clung clung; come came come; creep crept crept; deal dealt dealt; dig dug dug;
do did done; draw drew drawn; drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed fed;
feel felt felt; fight fought fought; find found found; flee fled fled; fling flung flung; fly flew flown;
forbid forbade forbidden; foresee foresaw foreseen; forget forgot forgotten; forgive forgave forgiven;
freeze froze frozen; get got got; give gave given; go went gone; grind ground ground; grow grew grown;
have had had; hear heard heard; hide hid hidden; hold held held; keep kept kept; know knew known; lay laid laid;
lead led led; leave left left; lend lent lent; lie lay lain; lose lost lost; make made made; mean meant meant;
meet met met; mislead misled misled; mistake mistook mistaken; misunderstand misunderstood misunderstood;
overcome overcame overcome; override overrode overridden; oversee oversaw overseen; overtake overtook overtaken;
overthrow overthrew overthrown; pay paid paid; rebuild rebuilt rebuilt; repay repaid repaid;
rethink rethought rethought; rewrite rewrote rewritten; ride rode ridden; ring rang rung; rise rose risen;
run ran run; say said said; see saw seen; seek sought sought; sell sold sold; send sent sent; shake shook shaken;
shoot shot shot; show showed shown; shrink shrank shrunk; sing sang sung; sink sank sunk; sit sat sat;
sleep slept slept; slide slid slid; sling slung slung; speak spoke spoken; speed sped sped; spend spent spent;
spin spun spun; spring sprang sprung; stand stood stood; steal stole stolen; stick stuck stuck; sting stung stung;
stink stank stunk; stride strode stridden; strike struck struck; string strung strung; swear swore sworn;
sweep swept swept; swim swam swum; swing swung swung; take took taken; teach taught taught; tear tore torn;
tell told told; think thought thought; throw threw thrown; undergo underwent undergone;
understand understood understood; undertake undertook undertaken; undo undid undone; uphold upheld upheld;
wake woke woken; wear wore worn; weave wove woven; weep wept wept; win won won; wind wound wound;
withdraw withdrew withdrawn; withhold withheld withheld; withstand withstood withstood; write wrote written
"""


# Words that belong to the frame of a sentence more than to what it says.
FUNCTION_WORDS = set(
    "about above after afterward afterwards all alone already also altogether any around away back before being but "
    "down else ever few first inside instead just later least little many more most much near next nothing now only "
    "outside own past plus quite rather same second still such then there thus today too under various whatever "
    "whatsoever within yet zero".split()
)
# Pairs that the rules let through and that read wrong, in either direction; found by reading the pairs of the 2,000
# most frequent words. The first of each entry with each of the others.
REJECTED = """
someone individual mortal; somebody individual mortal; central cardinal key; fundamental cardinal key central;
figure fig; battle combat; wind thread; say state tell; tell state; mouth speak; indicate signal; dog chase;
evidence certify attest manifest; manifest certify attest; police patrol; gold amber; spot spy descry espy; limit
throttle; confine throttle; circuit tour; bound spring leap jump; stick deposit; storm rage; focus pore;
transportation transfer; skirt hedge evade; evade hedge; commit dedicate; whip lather; lash lather; toss pitch;
affair matter; flood swamp; engulf steep; framework model; mint lot; surround border; fantastic grotesque; shrill
shriek; argument controversy; brood dwell; vain swollen conceited; conceited swollen; secede splinter; sunny gay
cheery; cheery gay; newcomer fledgling; live populate inhabit; authority potency; doctrine philosophy; wave beckon;
leaf foliage; nation commonwealth; country commonwealth; lay put place; baby babe; infant babe; fellow lad; district
territory; except exclude omit; lean tilt; print publish; bony gaunt; plumage feather; bacterium bacteria; cattle
oxen; minister pastor parson; seize clutch; majority bulk; unity integrity; ignore snub; disregard snub discount;
remarkable singular; promotion publicity; zip nothing; irony satire; extra excess surplus; conquer inhibit suppress
curb; skunk bum; puke bum; git bum; rotter bum; john toilet; mike microphone; harry beset harass; grace decorate
adorn; dad papa; mom mama; mommy mama; daddy papa; contend postulate; profuse riotous; lush riotous; resign vacate;
rupture tear; discount dismiss; bar saloon; batter buffet; body personify; father sire; husband economize; skin
clamber; reason conclude; picture fancy envision visualize; strip deprive; view consider regard; consider view;
stage phase; board plank; single individual; wood forest; degree level; apply use employ utilize; extremely super;
exceedingly super; trial test; describe report; enjoy bask; guide maneuver steer; contribute lend; factory mill;
coach manager; approve sanction; pursue engage; insure assure ensure; assure ensure; theft thieving; task chore
project; need necessitate; allow let; permit let; call name; ask inquire; keep maintain; travel go move; regard
consider; explode detonate; dope gage; rock sway; motto shibboleth; study analyze examine; provide supply; class
classify; bush brush; dear darling beloved; nominee candidate; soon presently; want desire; red crimson; reddish
crimson; appear seem; assume presume; block barricade; viewer spectator; part portion; fault mistake error; partner
spouse; naked nude; nil zero; sin sinfulness; course naturally; cross traverse; chief main; thing matter; race rush;
light illuminate illumine; ripple ruffle; liberalist liberal; fat fatty
"""
REJECTED_PAIRS = {
    frozenset((words[0], other))
    for words in (entry.split() for entry in REJECTED.replace("\n", " ").split(";"))
    for other in words[1:]
}


class WordNet:
    """The files, read."""

    def __init__(self, folder):
        self.synsets, self.index, self.exceptions = {}, {}, {}
        for name, pos in FILES.items():
            for fields, gloss in lines(folder / f"data.{name}"):
                self.synsets[pos, fields[0]] = Synset(pos, fields, gloss)
            for fields, _ in lines(folder / f"index.{name}"):
                n_pointers = int(fields[3])
                self.index[fields[0], pos] = [(pos, offset) for offset in fields[6 + n_pointers :]]
            self.exceptions[pos] = collections.defaultdict(list)
            for fields, _ in lines(folder / f"{name}.exc"):
                for lemma in fields[1:]:
                    if fields[0] not in self.exceptions[pos][lemma]:
                        self.exceptions[pos][lemma].append(fields[0])
        self.count = collections.Counter()  # of (word, synset)
        self.in_glosses = collections.Counter(
            word for synset in self.synsets.values() for word in re.findall("[a-z]+", synset.gloss)
        )
        self.total = collections.Counter()  # of word, and of (word, part of speech)
        for fields, _ in lines(folder / "cntlist.rev"):
            word, rest = fields[0].split("%")
            senses = self.index.get((word, SENSE_KEY_POS[rest[0]]), [])
            if int(fields[1]) <= len(senses):
                sense = senses[int(fields[1]) - 1]
                self.count[word, sense] += int(fields[2])
                self.total[word] += int(fields[2])
                self.total[word, sense[0]] += int(fields[2])

    def parts_of_speech(self, word):
        """Those of a word, most frequent first."""
        found = [pos for pos in "nvar" if (word, pos) in self.index]
        return sorted(found, key=lambda pos: -self.total[word, pos])

    def frequency(self, word):
        """How often a word was met, in tagged texts and in glosses."""
        return self.total[word] + self.in_glosses[word]

    def share(self, word, sense):
        """How likely it is that the word, in that part of speech, has that sense."""
        senses = self.index[word, sense[0]]
        weights = [self.count[word, s] + PRIOR / (1 + rank) for rank, s in enumerate(senses)]
        return weights[senses.index(sense)] / sum(weights)


class Synset:
    """One sense, and the words for it."""

    def __init__(self, pos, fields, gloss):
        n_words = int(fields[3], 16)
        self.words = [re.sub(r"\(.*\)$", "", fields[4 + 2 * i]) for i in range(n_words)]
        at = 4 + 2 * n_words
        n_pointers = int(fields[at])
        pointers = [tuple(fields[at + 1 + 4 * i : at + 5 + 4 * i]) for i in range(n_pointers)]
        self.usage = [(pointer[2], pointer[1]) for pointer in pointers if pointer[0] == ";u"]
        self.similar = [("a", pointer[1]) for pointer in pointers if pointer[0] == "&"]
        self.gloss = gloss
        # How each word of a verb is used in a sentence: with an object, with a clause, ...
        self.frames = collections.defaultdict(set)
        at += 1 + 4 * n_pointers
        if pos == "v":
            for i in range(int(fields[at])):
                frame, which = fields[at + 2 + 3 * i], int(fields[at + 3 + 3 * i], 16)
                for word in self.words if which == 0 else [self.words[which - 1]]:
                    self.frames[word].add(frame)


def lines(path):
    """The lines of a file of WordNet, split, without the licence at its head, and the gloss of each."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("  ") and line.strip():
            head, _, gloss = line.partition(" | ")
            yield head.split(), gloss.strip()



def is_short(word):
    """One syllable that ends in a vowel and a consonant, which has to be doubled, if WordNet's exceptions say so."""
    return re.fullmatch(r"[^aeiou]*(qu)?[aeiouy][^aeiouwxy]", word) is not None


def regular(lemma, kind):
    """What the rules make of a lemma; None where they are not sure. The same rules are in `inflect.rs`."""
    consonant_y = re.search(r"[^aeiou]y$", lemma)
    if kind in ("plural", "third"):
        if consonant_y:
            return lemma[:-1] + "ies"
        if re.search(r"(s|x|z|ch|sh)$", lemma):
            return lemma + "es"
        return None if re.search(r"[^aeiou]o$", lemma) else lemma + "s"
    if is_short(lemma):
        return None
    if kind == "gerund":
        if lemma.endswith("ie"):
            return lemma[:-2] + "ying"
        return (lemma[:-1] if re.search(r"[^eoy]e$", lemma) else lemma) + "ing"
    if kind in ("comparative", "superlative") and not takes_degrees(lemma):
        return None
    ending = {"past": "ed", "participle": "ed", "comparative": "er", "superlative": "est"}[kind]
    if consonant_y:
        return lemma[:-1] + "i" + ending
    return lemma + (ending[1:] if lemma.endswith("e") else ending)


def takes_degrees(adjective):
    """One syllable, or two of which the last is a `y`: others take "more"."""
    stem = adjective[:-1] if adjective.endswith("e") else adjective
    syllables = len(re.findall(r"[aeiouy]+", stem))
    return syllables == 1 or (syllables == 2 and re.search(r"[^aeiou]y$", adjective) is not None)


VERB_KINDS = ("third", "past", "participle", "gerund")
KINDS = {"n": ("plural",), "v": VERB_KINDS, "a": ("comparative", "superlative"), "r": ()}


def irregular_forms(net):
    """Of each (lemma, part of speech, kind) the form, where WordNet or the lists above have one; and the lemmas of
    which the forms are not known."""
    forms, unknown = {}, set()
    for entry in IRREGULAR.replace("\n", " ").split(";"):
        lemma, past, participle = entry.split()
        forms[lemma, "v", "past"], forms[lemma, "v", "participle"] = past, participle
    for lemma in UNCHANGED:
        forms[lemma, "v", "past"] = forms[lemma, "v", "participle"] = lemma
    for lemma, found in net.exceptions["v"].items():
        for ending, kinds in (("ing", ("gerund",)), ("ed", ("past", "participle")), ("s", ("third",))):
            ended = [form for form in found if form.endswith(ending)]
            for kind in kinds:
                if len(ended) == 1 and lemma not in ("be", "have"):
                    forms.setdefault((lemma, "v", kind), ended[0])
        rest = [form for form in found if not form.endswith(("ing", "ed"))]
        if rest and (lemma, "v", "past") not in forms and lemma not in ALSO_REGULAR:
            unknown.add((lemma, "v"))
    for entry in PLURALS.replace("\n", " ").split(";"):
        lemma, plural = entry.split()
        forms[lemma, "n", "plural"] = plural
    for lemma, found in net.exceptions["n"].items():
        if lemma in REGULAR_NOUNS:
            continue
        if len(found) == 1:
            forms.setdefault((lemma, "n", "plural"), found[0])
        elif (lemma, "n", "plural") not in forms:
            unknown.add((lemma, "n"))
    for lemma, found in net.exceptions["a"].items():
        for ending, kind in (("er", "comparative"), ("est", "superlative")):
            ended = [form for form in found if form.endswith(ending) and form.startswith(lemma[:-1])]
            if len(ended) == 1 and ended[0] != lemma:
                forms[lemma, "a", kind] = ended[0]
    return forms, unknown


def is_word(word):
    """At least three small letters, a vowel among them: no abbreviation, number, name or expression."""
    return re.fullmatch(r"[a-z]{3,}", word) is not None and re.search("[aeiouy]", word) is not None


class Tables:
    """What goes into the files."""

    def __init__(self, net):
        self.net = net
        self.forms, self.unknown_forms = irregular_forms(net)
        hurting = set()
        for synset in net.synsets.values():
            usage = {net.synsets[key].words[0] for key in synset.usage}
            if usage & HURTING or HURTING_GLOSS.search(synset.gloss):
                hurting.update(word.lower() for word in synset.words)
        # A small letter is all that tells "may" from "May", and many people do not write it.
        words = {word for word, _ in net.index if is_word(word)} - hurting
        self.known = {word for word in words if not self.is_name(word)}
        self.lemma_of = collections.defaultdict(set)
        for word, pos in net.index:
            for kind in KINDS[pos] if re.fullmatch("[a-z]{2,}", word) else ():
                form = self.forms.get((word, pos, kind)) or regular(word, kind)
                if form:
                    self.lemma_of[form].add(word)
        self.synonyms = self.find_synonyms()

    def is_name(self, word):
        """Whether the word may well be a name that lost its capital letter."""
        weight = collections.Counter()
        for pos in self.net.parts_of_speech(word):
            for sense in self.net.index[word, pos]:
                weight[word in self.net.synsets[sense].words] += self.net.count[word, sense] + PRIOR / 5
        return weight[False] > LEAST_NAME_SHARE * (weight[False] + weight[True])

    def find_synonyms(self):
        net, found = self.net, collections.defaultdict(set)
        for sense, synset in net.synsets.items():
            usage = {net.synsets[key].words[0] for key in synset.usage}
            cardinal = any(net.synsets[key].words[0] in ("cardinal", "ordinal") for key in synset.similar)
            if usage & UNUSUAL or UNUSUAL_GLOSS.search(synset.gloss) or cardinal:
                continue
            words = [word for word in synset.words if word in self.known and word not in FUNCTION_WORDS]
            words = [word for word in words if (word, sense[0]) not in self.unknown_forms]
            for word in words:
                least = LEAST_SHARE if net.total[word] else LEAST_SHARE_UNSEEN
                if len(words) < 2 or net.share(word, sense) < least:
                    continue
                for synonym in words:
                    if synonym != word and self.may_stand(synonym, word, sense, synset):
                        found[word, sense[0]].add((-net.count[synonym, sense], synonym))
        return {key: [synonym for _, synonym in sorted(synonyms)[:MAX_SYNONYMS]] for key, synonyms in found.items()}

    def may_stand(self, synonym, word, sense, synset):
        net, pos = self.net, sense[0]
        count = net.count[synonym, sense]
        if net.total[synonym] < LEAST_COUNT or net.frequency(synonym) < LEAST_FREQUENCY:
            return False
        if count < LEAST_RATIO * net.count[word, sense] or frozenset((word, synonym)) in REJECTED_PAIRS:
            return False
        if pos != net.parts_of_speech(word)[0] and net.count[word, sense] < LEAST_MINOR_COUNT:
            return False
        if net.share(synonym, sense) < LEAST_SHARE_SYNONYM or not self.same_use(synset, synonym, word):
            return False
        # A synonym that is first of all something else: "still" the noun.
        if net.total[synonym, pos] < LEAST_POS_SHARE_SYNONYM * net.total[synonym] or self.is_form(synonym):
            return False
        # Plurals without a singular ("authorities") do not fit into the sentence of a singular.
        return not (pos == "n" and (synonym.endswith("s") != word.endswith("s")) and not synonym.endswith("ss"))

    def same_use(self, synset, a, b):
        """Whether two verbs are used alike; of other words nothing is known, and true."""
        both, either = synset.frames[a] & synset.frames[b], synset.frames[a] | synset.frames[b]
        return len(both) >= LEAST_PATTERNS * len(either)

    def is_form(self, word):
        """Whether a word is, first of all, an inflected form of another."""
        others = [self.net.total[lemma] for lemma in self.lemma_of[word] - {word}]
        return max(others, default=0) * WORD_RATIO > self.net.total[word]

    def word_line(self, word):
        """None where the word is better looked up as a form of another."""
        net, parts = self.net, self.net.parts_of_speech(word)
        positive = [lemma for lemma in self.lemma_of[word] if lemma in self.known and (lemma, "a") in net.index]
        if word.endswith(("er", "est")) and any(net.total[lemma] > net.total[word] for lemma in positive):
            return None
        others = max((net.total[lemma] for lemma in self.lemma_of[word] - {word} if lemma in self.known), default=0)
        if others >= FORM_RATIO * max(net.total[word], 1):
            return None
        clear = net.total[word, parts[0]] + PRIOR >= LEAST_POS_SHARE * (net.total[word] + PRIOR)
        clear = clear and (net.total[word] > 0 or len(parts) == 1) and not self.is_form(word)
        # What is its own past cannot be told from its present.
        pasts = [self.forms.get((word, "v", kind)) for kind in ("past", "participle")]
        clear = clear and not (parts[0] == "v" and word in pasts)
        letters = "".join(parts) if clear else "-" + "".join(parts)
        # Of the other parts of speech only verbs show what they are, by their endings.
        told = [pos for pos in parts if pos == "v" or (clear and pos == parts[0])]
        lists = [f"{pos}:{','.join(self.synonyms[word, pos])}" for pos in told if (word, pos) in self.synonyms]
        return "\t".join([word, letters, *lists])

    def phrase_lines(self):
        """Expressions of two or three words, one of which could otherwise be replaced."""
        replaced = {word for word, _ in self.synonyms}
        for phrase, pos in self.net.index:
            words = phrase.split("_")
            plain = all(re.fullmatch("[a-z]+", word) for word in words) and len(words) in (2, 3)
            # Of the many compound nouns only those that somebody met.
            if plain and (pos != "n" or self.net.total[phrase] > 0 or self.is_common_compound(words)):
                if any(word in replaced or self.lemma_of[word] & replaced for word in words):
                    yield " ".join(words)

    def is_common_compound(self, words):
        return len(words) == 2 and all(self.net.total[word] >= LEAST_COMPOUND_COUNT for word in words)

    def synonyms_txt(self):
        used = {word for word, _ in self.synonyms} | {word for found in self.synonyms.values() for word in found}
        words = {word for word in self.known if self.net.frequency(word) > 0} | used
        entries = [entry for entry in map(self.word_line, words) if entry]
        self.words = {entry.split("\t")[0] for entry in entries}
        return entries + list(set(self.phrase_lines()))

    def forms_txt(self):
        """Forms of words in the table that the rules get wrong, or are not sure of."""
        found = collections.defaultdict(list)
        for (lemma, pos, kind), form in self.forms.items():
            has_pos = lemma in self.words and (lemma, pos) in self.net.index
            if has_pos and re.fullmatch("[a-z]+", form) and form != regular(lemma, kind):
                found[form, lemma].append(kind)
        return ["\t".join([form, lemma, " ".join(sorted(kinds))]) for (form, lemma), kinds in found.items()]


def write(path, what, entries):
    """Sorts and writes a table. The first line names the hash of the rest, by which a changed table is known."""
    body = "".join(entry + "\n" for entry in sorted(entries, key=str.encode)).encode()
    fnv = 0xCBF29CE484222325
    for byte in body:
        fnv = (fnv ^ byte) * 0x100000001B3 % 2**64
    head = f"# {what} from WordNet 3.0, fnv1a64 {fnv:016x}, made by {Path(__file__).name}, licence in WORDNET-LICENSE\n"
    path.write_bytes(head.encode() + body)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tables = Tables(WordNet(Path(sys.argv[1])))
    here = Path(__file__).parent
    write(here / "synonyms.txt", "Synonyms", tables.synonyms_txt())
    write(here / "forms.txt", "Forms", tables.forms_txt())


if __name__ == "__main__":
    main()
