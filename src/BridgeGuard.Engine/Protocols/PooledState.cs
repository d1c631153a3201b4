using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols;

/// <summary>A parser state with its own pool of transactions of one type.</summary>
/// <remarks>Owner of what <see cref="Rent"/> gives until <see cref="Add"/> or <see cref="Release"/>. No allocation once the pool has grown.</remarks>
/// <typeparam name="T">The protocol's transaction.</typeparam>
/// <param name="protocol">The descriptor.</param>
/// <param name="maxTransactions">Transactions alive on one flow; above it the oldest leaves.</param>
public abstract class PooledState<T>(Protocol protocol, int maxTransactions) : ProtocolState
    where T : Transaction, new()
{
    private readonly Stack<T> _pool = new();

    public override Protocol Protocol => protocol;

    public override void Release(Transaction transaction)
    {
        transaction.Reset();
        _pool.Push((T)transaction);
    }

    /// <summary>A clean transaction.</summary>
    protected T Rent() => _pool.TryPop(out T? pooled) ? pooled : new T();

    /// <summary>Appends a transaction; at the cap the oldest is given up.</summary>
    protected void Add(T transaction)
    {
        if (Transactions.Count >= maxTransactions)
        {
            Transaction oldest = Transactions[0];
            Transactions.RemoveAt(0);
            Release(oldest);
        }

        Transactions.Add(transaction);
    }

    /// <summary>Appends a complete message that is a transaction of one direction.</summary>
    protected void AddMessage(T transaction, Direction direction)
    {
        transaction.Directions = direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
        Add(transaction);
    }
}
