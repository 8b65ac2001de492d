from tests.socket.client import order_message
async def test_x(alice, bob):
    print(await alice.ask(**order_message("BUY OPEN 10 @ 120")))
    print(await alice.rest())
    await alice.hears_nothing()
async def test_y(alice, bob):
    pass
async def test_z(alice, bob):
    await alice.say(**order_message("BUY OPEN 1 @ 120"))
    f = await alice.hear_until("order_response")
    await alice.say(type="cancel_order", order_id=f["order_id"])
    await alice.hear_until("order_status", status="Cancelled")
    await alice.say(type="cancel_order", order_id=f["order_id"])
    await alice.say(**order_message("BUY OPEN 1 @ 120"))
    for x in await alice.rest(): print(x)
