# C6, and C5 and C9 where the row is there: COMMIT is durable and nobody has been told. It is told in
# the next epoch.
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
> restart written
epoch 8
op1 is committing
> join n0 open=op1 epoch=7
send n0 op1 commit
op1 is committing
answer n0 op1 commit
ready n0
> n0 applied op1
op1 is committing
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
