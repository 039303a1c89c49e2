# The agent dies before the host has been told to take the module out. What is live is not told before
# the host has said so, for it serves on.
> node runs=v2 before=none generation=1
> host-up
> link-up
write epoch 7
send STATE runs v2, 0 open
> prepare op1 kind=undo version=none leaving=v2 generation=2
admit op1
> done
map op1
> done stateful
write op1 PREPARED
> written
send op1 YES 
> commit op1
migrate op1
> done
write op1 COMMITTED
> written
publish op1
# the agent dies before the host has been told to publish; the host outlives it, on v2
> restart row=COMMITTED
> link-up
> wait 100
> host-up runs=v2 generation=1
map op1
send STATE runs v2, 1 open
