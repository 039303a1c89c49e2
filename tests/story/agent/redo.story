# The agent is killed between the pointer row and PUBLISH. Its host waited for so long, then went on
# with the old version: all that COMMIT asks of it is done again, state included.
> node runs=v1
> host-up
> link-up
write epoch 7
send STATE runs v1, 0 open
> prepare op1 version=v2
admit op1
> done
probe op1
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
> restart row=COMMITTED
> link-up
> host-up runs=v1
map op1
send STATE runs v1, 1 open
> done stateful
migrate op1
> cannot DRAIN
send op1 not-applied DRAIN
> wait 1000
migrate op1
> done
publish op1
> done
send op1 applied v2
note op1 APPLIED
# Killed after PUBLISH: the host says what it runs.
> restart row=COMMITTED
> link-up
> host-up runs=v2
send op1 applied v2
note op1 APPLIED
send STATE runs v2, 1 open
