# C8: killed after a newer COMMIT and before the end of the window that it overtook. That window does not
# open again: a crash in it takes nothing back.
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
> written op1
op1 is succeeded
> open op2 sync_all version=v3
ADMITTED: 2 of 2 reachable, need 2
write op2 OPEN
op2 is preparing
> written op2
send n0 op2 PREPARE v3
send n1 op2 PREPARE v3
op2 is preparing
> n0 yes op2
op2 is preparing
> n1 yes op2
write op2 COMMIT
op2 is preparing
> written op2
send n0 op2 commit
send n1 op2 commit
op2 is committing
write op1 FINAL
op1 is succeeded
> restart
epoch 8
op1 is succeeded
op2 is committing
write op1 FINAL
op1 is succeeded
> join n0 runs=v2 generation=1 open=op2 epoch=7 sequence=2
send n0 op2 commit
op2 is committing
answer n0 op2 commit
ready n0
> n0 applied op2
op2 is committing
> n1 fell-back op1 FELL_BACK
> written op1
send n0 op1 FINAL
op1 is succeeded
> join n1 runs=v3 generation=3 open=op2 epoch=7 sequence=2
op2 is soaking
answer n1 op2 commit
write op2 SUCCEEDED
ready n1
send n1 op1 FINAL
> written op2
op2 is succeeded
op1 is over
