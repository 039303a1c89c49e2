# C7: some have been told. Who runs the version reads back by joining, who is in doubt is told again.
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
> restart
epoch 8
op1 is committing
> join n0 runs=v2 generation=1 open=op1 epoch=7 sequence=1
op1 is committing
answer n0 op1 commit
ready n0
> join n1 open=op1 epoch=7
send n1 op1 commit
op1 is committing
answer n1 op1 commit
ready n1
> n1 applied op1
write op1 SUCCEEDED
op1 is soaking
> written op1
op1 is succeeded
> wait 5000
write op1 FINAL
op1 is succeeded
> written op1
send n0 op1 FINAL
send n1 op1 FINAL
op1 is succeeded
