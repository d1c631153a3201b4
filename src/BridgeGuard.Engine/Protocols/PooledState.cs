using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols;

/// <summary>A parser state that takes its transactions from a pool, one for all flows of a worker.</summary>
/// <remarks>Owner of what <see cref="Rent"/> gives until <see cref="Add"/> or <see cref="Release"/>. No allocation once the pool has grown.</remarks>
/// <typeparam name="T">The protocol's transaction.</typeparam>
/// <param name="protocol">The descriptor.</param>
/// <param name="maxTransactions">Transactions alive on one flow; above it the oldest leaves. A parser that enforces a cap of its own leaves it out.</param>
public abstract class PooledState<T>(Protocol protocol, int maxTransactions = int.MaxValue) : ProtocolState
    where T : Transaction, new()
{
    private Stack<T> _pool = new();

    public override Protocol Protocol => protocol;

    public override void Release(Transaction transaction)
    {
        transaction.Reset();
        _pool.Push((T)transaction);
    }

    internal override void SharePoolOf(ProtocolState first) => _pool = ((PooledState<T>)first)._pool;

    /// <summary>A clean transaction.</summary>
    protected T Rent() => _pool.TryPop(out T? pooled) ? pooled : new T();

    /// <summary>Appends a transaction; at the cap the oldest is given up.</summary>
    protected void Add(T transaction)
    {
        if (Transactions.Count >= maxTransactions)
        {
            DropOldest();
        }

        Transactions.Add(transaction);
    }

    /// <summary>
    /// Appends a transaction. At the cap the oldest open one is given up, so that it is inspected, logged and leaves; when twice as many are still here
    /// the oldest goes at once.
    /// </summary>
    protected void AddOpen(T transaction, int cap)
    {
        if (Transactions.Count >= cap)
        {
            int open = OldestOpen();
            if (open >= 0)
            {
                GiveUp((T)Transactions[open]);
            }

            if (open < 0 || Transactions.Count >= cap * 2)
            {
                DropOldest();
            }
        }

        Transactions.Add(transaction);
    }

    /// <summary>Ends an open transaction for which there is no room any more: raises the protocol's event and completes it.</summary>
    protected virtual void GiveUp(T transaction)
    {
    }

    /// <summary>Appends a complete message that is a transaction of one direction.</summary>
    protected void AddMessage(T transaction, Direction direction)
    {
        transaction.Directions = direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
        Add(transaction);
    }

    private void DropOldest()
    {
        Transaction oldest = Transactions[0];
        Transactions.RemoveAt(0);
        Release(oldest);
    }
}
