"""Commits that only refused operators' commands had no row in the journal; now every commit has one, so that a lost one
is seen. Nobody can tell the one from the other afterwards: what is missing before this migration counts as refused."""

from itertools import chain

from django.db import migrations

NO_COMMANDS = b"\x90"
"""An empty list in msgpack."""


def fill_holes(apps, schema_editor):
    using = schema_editor.connection.alias
    journal = apps.get_model("trading", "JournalBatch").objects.using(using)
    for market in apps.get_model("trading", "Market").objects.using(using):
        rows = journal.filter(market=market).order_by("number").values_list("number", "epoch", "time")
        before, holes = (0, 0, 0), []
        for row in chain(rows.iterator(), [(market.batch + 1, 0, 0)]):
            _, epoch, time = before
            holes += [(number, epoch, time) for number in range(before[0] + 1, row[0])]
            before = row
        journal.bulk_create(
            journal.model(market=market, number=number, epoch=epoch, time=time, commands=NO_COMMANDS)
            for number, epoch, time in holes
        )


class Migration(migrations.Migration):
    dependencies = [("trading", "0003_pushes")]

    operations = [migrations.RunPython(fill_holes, migrations.RunPython.noop)]
