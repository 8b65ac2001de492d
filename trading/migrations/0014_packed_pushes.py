"""Pushes and the journal are packed from now on; what is there stays as it is. Whoever goes back gets all of it unpacked."""

from django.db import migrations, models

from trading.storage.packing import unpack_commands, unpack_frames


def unpack(apps, schema_editor):
    using = schema_editor.connection.alias
    pushes = apps.get_model("trading", "PushBatch").objects.using(using)
    for row in pushes.filter(packed__isnull=False).iterator():
        pushes.filter(account_id=row.account_id, last_seq=row.last_seq).update(frames=unpack_frames(bytes(row.packed)))
    journal = apps.get_model("trading", "JournalBatch").objects.using(using)
    for number, commands in journal.values_list("pk", "commands").iterator():
        journal.filter(pk=number).update(commands=unpack_commands(bytes(commands)))


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0013_stream_position'),
    ]

    operations = [
        migrations.AddField(
            model_name='pushbatch',
            name='packed',
            field=models.BinaryField(help_text='As they were sent, one a line: `trading.storage.packing`.', null=True),
        ),
        migrations.AlterField(
            model_name='journalbatch',
            name='commands',
            field=models.BinaryField(help_text='`trading.storage.packing`; of earlier releases MessagePack as it is.'),
        ),
        migrations.AlterField(
            model_name='pushbatch',
            name='frames',
            field=models.TextField(help_text='The same as text, of releases that did not pack.', null=True),
        ),
        migrations.RunPython(migrations.RunPython.noop, unpack),
    ]
