"""How each peer is asked.

A peer is given all series, and gives for a moment, where what is normal is taken to end, a list of the series that it
places: (series, score, when it turned, or None where it says nothing of that). Most series get no say of their own: what
is flagged is the peer's, and so is the score where it has one.
"""

from importlib.metadata import version

import numpy

# Of a robust z: what is taken for an outlier in the textbooks.
UNUSUAL = 3.5
# Who never moved before and moves now is as unusual as can be; what is more is noise of numbers near nothing.
MOST = 1e12


class Series:
    """`values` has a row for each series, `times` the moments of its columns, in seconds."""

    def __init__(self, given):
        self.times = numpy.array(given["times"], dtype=float)
        self.values = numpy.array(given["values"], dtype=float)

    def first_after(self, moment):
        return int(numpy.searchsorted(self.times, moment))


class Baro:
    name = "BARO"
    package = "fse-baro"
    flags = False
    asked = "robust_scorer of the whole table, its inject_time the moment; it orders all series, flags none, and is told when"

    def __init__(self, series):
        import pandas

        names = [f"{at}_value" for at in range(len(series.values))]
        self.at = {name: at for at, name in enumerate(names)}
        self.table = pandas.DataFrame(series.values.T, columns=names)
        self.table["time"] = series.times

    def said(self, moment):
        from baro.root_cause_analysis import robust_scorer

        ranks = robust_scorer(self.table, inject_time=moment)["ranks"]
        return [(self.at[name], -float(place), None) for place, name in enumerate(ranks)]


class Changes:
    """What finds changes over all of the time: those at the moment or after it count, the strongest of each series."""

    def __init__(self, series):
        self.times = series.times
        self.changes = [list(self.of(row)) for row in series.values]

    def said(self, moment):
        found = []
        for at, changes in enumerate(self.changes):
            late = [(score, self.times[here]) for here, score in changes if self.times[here] >= moment]
            if late:
                score, when = max(late, key=lambda one: one[0])
                found.append((at, float(score), float(when)))
        return found


class Ruptures(Changes):
    name = "ruptures"
    package = "ruptures"
    flags = True
    asked = (
        "KernelCPD(kernel='rbf') of each series with pen=10, as in its first example; a series is flagged if a change lies at the "
        "moment or after it, and scored by how much of its cost that change takes away"
    )

    def ends(self, found):
        return found.predict(pen=10)

    def of(self, row):
        import ruptures

        found = ruptures.KernelCPD(kernel="rbf").fit(row.reshape(-1, 1))
        ends = self.ends(found)
        cost = found.cost.error
        for before, here, after in zip([0, *ends], ends, ends[1:]):
            yield here, float(cost(before, after) - cost(before, here) - cost(here, after))


class RupturesOne(Ruptures):
    name = "ruptures, one change"
    asked = (
        "KernelCPD(kernel='rbf') of each series with n_bkps=1: it is told that there is one change, and gives the best; a series is "
        "flagged if that lies at the moment or after it, and scored by how much of its cost that change takes away"
    )

    def ends(self, found):
        return found.predict(n_bkps=1)


class ChangePoint(Changes):
    name = "changepoint"
    package = "changepoint"
    flags = True
    asked = (
        "Bocpd(prior=NormalGamma(), lam=12) of each series, as in its first example, and map_changepoints of that (what augurs has in "
        "Rust for change points rests on the same library); the prior being of mean 0 and deviation 1, each series is brought to "
        "these; a series is flagged if a change lies at the moment or after it, and scored by how far its mean moves there"
    )

    def of(self, row):
        import changepoint

        row = (row - row.mean()) / row.std()
        model = changepoint.Bocpd(prior=changepoint.NormalGamma(), lam=12)
        history = numpy.zeros((len(row), len(row)))
        for at, value in enumerate(row):
            history[at, : at + 1] = model.step(value)
        # The first is the beginning of the series.
        ends = [0, *[one for one in changepoint.map_changepoints(history) if one > 0], len(row)]
        for before, here, after in zip(ends, ends[1:], ends[2:]):
            yield here, abs(row[here:after].mean() - row[before:here].mean())


class Augurs:
    name = "augurs"
    package = "augurs"
    flags = True
    asked = (
        "MSTL.ets of each series up to the moment, as in its first example, its periods those of its own seasonalities() (2 steps where "
        "it finds none, since it wants one), and the forecast of the rest at a level of 0.95; a series is flagged if any value lies "
        "outside, and scored by the farthest, in halves of the interval; it has turned when the first lies outside; where it finds no "
        "model, as in too short a past, it has no answer"
    )

    def __init__(self, series):
        self.series = series

    def said(self, moment):
        import augurs

        begin = self.series.first_after(moment)
        found, self.unanswered = [], 0
        for at, row in enumerate(self.series.values):
            periods = [int(one) for one in augurs.seasonalities(row[:begin])]
            model = augurs.MSTL.ets(periods or [2])
            try:
                model.fit(row[:begin])
                forecast = model.predict(len(row) - begin, level=0.95)
            except Exception:  # it has no narrower one
                self.unanswered += 1
                continue
            half = (forecast.upper() - forecast.lower()) / 2
            away = numpy.abs(row[begin:] - forecast.point())
            with numpy.errstate(divide="ignore", invalid="ignore"):
                score = numpy.nan_to_num(numpy.where(away > 0, away / half, 0.0), nan=0.0, posinf=MOST)
            if score.max() > 1:
                when = self.series.times[begin + int(numpy.argmax(score > 1))]
                found.append((at, min(float(score.max()), MOST), float(when)))
        return found


class RobustZ:
    name = "robust z"
    package = None
    flags = True
    asked = (
        "nobody's: how far the median from the moment on lies from the median before it, in median absolute deviations (standard "
        f"deviations where those are none) of before; flagged above {UNUSUAL}"
    )

    def __init__(self, series):
        self.series = series

    def said(self, moment):
        begin = self.series.first_after(moment)
        before, after = self.series.values[:, :begin], self.series.values[:, begin:]
        middle = numpy.median(before, axis=1)
        scale = 1.4826 * numpy.median(numpy.abs(before - middle[:, None]), axis=1)
        scale = numpy.where(scale > 0, scale, before.std(axis=1))
        away = numpy.abs(numpy.median(after, axis=1) - middle)
        with numpy.errstate(divide="ignore", invalid="ignore"):
            score = numpy.where(away > 0, away / scale, 0.0)
        return [(at, min(float(one), MOST), None) for at, one in enumerate(score) if one > UNUSUAL]


ALL = [Baro, Ruptures, RupturesOne, ChangePoint, Augurs, RobustZ]


def about():
    def named(peer):
        said = f"{peer.package} {version(peer.package)}" if peer.package else "a baseline"
        return {"name": peer.name, "version": said, "asked": peer.asked, "flags": peer.flags}

    return [named(peer) for peer in ALL]
