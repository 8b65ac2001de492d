import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0009_market_limits'),
    ]

    operations = [
        migrations.AddField(
            model_name='instrument',
            name='collar',
            field=models.BigIntegerField(help_text='How far from the last price market orders trade without price limits; empty: 10 %.', null=True),
        ),
        migrations.AddField(
            model_name='instrument',
            name='sweeps',
            field=models.TextField(help_text='JSON: prices that waiting orders have met, of which some are yet to fire.', null=True),
        ),
        migrations.AddField(
            model_name='market',
            name='rules',
            field=models.IntegerField(db_default=0, default=0, help_text='Version of the rules that the market has adopted; 0: of the first release.'),
        ),
        migrations.CreateModel(
            name='PositionDetail',
            fields=[
                ('id', models.BigIntegerField(help_text='The trade that opened the first of them, negative for short lots.', primary_key=True, serialize=False)),
                ('lots', models.BigIntegerField()),
                ('cost', models.BigIntegerField(help_text='What was paid for all of them.')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='trading.account')),
                ('instrument', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='trading.instrument')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('lots__gt', 0), ('cost__gt', 0)), name='position_detail_positive')],
            },
        ),
    ]
