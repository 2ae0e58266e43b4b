"""Policies for make-decisions: what its callers (users 3000 to 3015, groups 4000 to 4003) are asked about.

All kinds of rules that a decision may hang on are there: rates of several windows, moratoria that end and that do not,
exceptions, a stand-down, callers by user, group and unit, one who is two organisations, one who is none any more, one
whose account has a name.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import service as mg  # noqa: E402


def organisation(group, peers, more=""):
    return f"[Organisation]\nDescription=One of many\nClass={group}\n{more}" + "".join(f"[Peer]\n{peer}\n" for peer in peers)


BASE = {
    **mg.POLICY,
    "rescuer.organisation": organisation("ngo", ["User=3001 3011 3012 3013 3014 3015", "User=3000\nUnit=search.service"]),
    "registry.organisation": organisation("ngo archive", ["Group=4000 4001", "User=3003"]),
    "keeper.organisation": organisation("archive", ["User=3010"]),
    "hatter.organisation": organisation("ngo", ["User=3004 3005"]),
    "hatter-too.organisation": organisation("archive", ["User=3004"]),
    "former.organisation": organisation("ngo", ["User=3006"], "Until=2020-07-01\n"),
    "coming.organisation": organisation("ngo", ["User=3007"], "From=2020-07-01T12:01:00Z\n"),
    "named.organisation": organisation("ngo", ["User=daemon"]),
    "federal-police.organisation": organisation("police", ["User=3008 3009"]),
    "events.gallery": "[Gallery]\nDescription=One candidate a template\nModel=test-16\nDimension=16\nKind=event\n"
                      "MaximumTemplates=5000\n",
    "missing-adult-search.purpose": "[Purpose]\nDescription=Find missing adults\nParent=missing-child-reunion\n",
    "rescue.allow": mg.POLICY["rescue.allow"] + "Rate=600/min\nRequire=case\nOnBehalfOf=archive\nRecipient=archive ngo\n",
    "rescue-more.allow": "[Allow]\nDescription=More\nClass=ngo\nOperation=identify list\nPurpose=missing-adult-search\n"
                         "Gallery=faces\nSought=any\nMinimumSimilarity=0.1\nRate=2/s\n",
    "police-lookup.allow": "[Allow]\nDescription=Victims only\nOrganisation=federal-police\nOperation=identify verify\n"
                           "Purpose=missing-child-reunion\nGallery=faces\nSought=victim\nMinimumSimilarity=0.8\nRate=400/h\n"
                           "Release=decision\n",
    "police-use.moratorium": mg.POLICY["police-use.moratorium"] + "Except=police-lookup\n",
    "short.moratorium": "[Moratorium]\nDescription=For a minute\nClass=archive\nOperation=enrol\nUntil=2020-07-01T12:02:00Z\n"
                        "OnExpiry=lapse\n",
    "unreleased.moratorium": "[Moratorium]\nDescription=Holds\nClass=archive\nOperation=remove\nUntil=2020-06-30\n",
}

QUIET = {**BASE, "maintenance.stand-down": "[StandDown]\nReason=Maintenance\nOperation=list verify\n",
         "rescue.allow": BASE["rescue.allow"].replace("Rate=600/min", "Rate=60/min")}

WIDE = {**BASE, "rescue.allow": BASE["rescue.allow"].replace("Require=case\n", "").replace("MinimumSimilarity=0.3",
                                                                                         "MinimumSimilarity=0.55"),
        "everything.allow": "[Allow]\nDescription=Whatever\nClass=ngo archive\nOperation=any\nPurpose=missing-child-reunion\n"
                            "Gallery=any\nSought=any\nMinimumSimilarity=0\nRelease=candidates\nRate=1000/d\n"}


def write_all(folder):
    """Writes the policies below a folder. Returns their folders."""
    folder = pathlib.Path(folder)
    return [mg.write_policy(folder / name, files) for name, files in (("base", BASE), ("quiet", QUIET), ("wide", WIDE))]
