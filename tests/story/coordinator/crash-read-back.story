# C8: all have read back, and that it has succeeded is not durable. They read back again; killed once
# more in the window, the window begins anew, never shorter.
> fleet 2
> join n0
ready n0
> join n1
ready n1
> open op1 sync_all version=v2
ADMITTED: 2 of 2 reachable, need 2
write op1 OPEN
op1 is preparing
> written op1
send n0 op1 PREPARE v2
send n1 op1 PREPARE v2
op1 is preparing
> n0 yes op1
op1 is preparing
> n1 yes op1
write op1 COMMIT
op1 is preparing
> written op1
send n0 op1 commit
send n1 op1 commit
op1 is committing
> n0 applied op1
op1 is committing
> n1 applied op1
write op1 SUCCEEDED
op1 is soaking
> restart
epoch 8
op1 is committing
> join n0 runs=v2 generation=1 open=op1 epoch=7 sequence=1
op1 is committing
answer n0 op1 commit
ready n0
> join n1 runs=v2 generation=1 open=op1 epoch=7 sequence=1
op1 is soaking
answer n1 op1 commit
write op1 SUCCEEDED
ready n1
> written op1
op1 is succeeded
> wait 4000
> restart
epoch 9
op1 is succeeded
> join n0 runs=v2 generation=1 open=op1 epoch=8 sequence=1
answer n0 op1 commit
ready n0
> join n1 runs=v2 generation=1 open=op1 epoch=8 sequence=1
answer n1 op1 commit
ready n1
> wait 4000
> wait 1000
write op1 FINAL
op1 is succeeded
> written op1
send n0 op1 FINAL
send n1 op1 FINAL
op1 is succeeded
