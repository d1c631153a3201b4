using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <content>Transactions: made by requests, found by responses.</content>
internal sealed partial class SmbParser
{
    private const uint StatusPending = 0x103;

    private bool _isFull;

    private SmbTransaction Start(in SmbMessage message, SmbKind kind)
    {
        CheckRoom();
        SmbTransaction transaction = Rent();
        transaction.Connection = this;
        transaction.Version = message.Version;
        transaction.Command = message.Command;
        transaction.Kind = kind;
        transaction.SessionId = message.SessionId;
        transaction.TreeId = message.TreeId;
        transaction.MessageId = message.MessageId;
        transaction.Key = KeyOf(message.MessageId);
        if (_isFull)
        {
            // Whoever asked fills it in and sees no difference; nobody else sees it.
            return transaction;
        }

        Transactions.Add(transaction);
        return transaction;
    }

    /// <summary>A transaction whose request is whole and whose response is awaited.</summary>
    private SmbTransaction StartRequest(in SmbMessage message, SmbKind kind)
    {
        SmbTransaction transaction = Start(in message, kind);
        transaction.ProgressToServer = 1;
        transaction.AwaitsResponse = true;
        return transaction;
    }

    /// <summary>The transaction that a response belongs to; null when its request was not seen or makes none.</summary>
    private SmbTransaction? FindRequest(in SmbMessage response)
    {
        uint key = KeyOf(response.MessageId);
        for (int i = Transactions.IndexOfKey(key); i >= 0; i = Transactions.IndexOfKey(key, i + 1))
        {
            var transaction = (SmbTransaction)Transactions[i];
            if (transaction.AwaitsResponse && transaction.MessageId == response.MessageId && transaction.Version == response.Version
                && transaction.Command == response.Command)
            {
                transaction.Touch();
                return transaction;
            }
        }

        return null;
    }

    private static uint KeyOf(ulong messageId) => (uint)messageId ^ (uint)(messageId >> 32);

    /// <summary>A server may answer SMB 1's negotiation with SMB 2 (MS-SMB2 §3.3.5.3).</summary>
    private SmbTransaction? FindNegotiation1()
    {
        for (int i = 0; i < Transactions.Count; i++)
        {
            var transaction = (SmbTransaction)Transactions[i];
            if (transaction is { AwaitsResponse: true, Version: 1, Kind: SmbKind.Negotiate })
            {
                transaction.Touch();
                return transaction;
            }
        }

        return null;
    }

    /// <summary>Takes over the status of a response; an interim response (pending) leaves the transaction open.</summary>
    /// <returns>True when this was the final response.</returns>
    private static bool TakeStatus(SmbTransaction transaction, in SmbMessage response)
    {
        if (response.Status == StatusPending && response.IsAsync)
        {
            return false;
        }

        transaction.HasStatus = true;
        transaction.Status = response.Status;
        transaction.IsDosStatus = response.IsDosStatus;
        transaction.AwaitsResponse = false;
        if (transaction.Kind != SmbKind.DceRpc || IsFailure(in response))
        {
            transaction.ProgressToClient = 1;
        }

        return true;
    }

    /// <summary>Errors and warnings but for a buffer that was too small, which is how pipes say that there is more.</summary>
    private static bool IsFailure(in SmbMessage response)
    {
        const uint bufferOverflow = 0x8000_0005;
        return response.IsDosStatus ? response.Status != 0 : response.Status >= 0x8000_0000 && response.Status != bufferOverflow;
    }

    private void RaiseOnLatest(SmbAnomaly anomaly, in ParseContext context)
    {
        if (Transactions.Count > 0)
        {
            ((SmbTransaction)Transactions[Transactions.Count - 1]).Raise(anomaly);
            return;
        }

        SmbTransaction transaction = Start(default, SmbKind.Generic);
        transaction.Version = 1;
        transaction.Raise(anomaly);
        transaction.Complete();
        transaction.Directions = context.Direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
    }

    /// <summary>At the cap the flow is given up: whoever leaves so many requests open is not followed any more.</summary>
    private void CheckRoom()
    {
        if (!_isFull && Transactions.Count >= limits.MaxTransactions)
        {
            _isFull = true;
            ((SmbTransaction)Transactions[Transactions.Count - 1]).Raise(SmbAnomaly.TooManyTransactions);
        }
    }
}
