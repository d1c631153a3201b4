using System.Text;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tftp;

/// <summary>Reads requests (RFC 1350 §5); data goes by, as in Suricata, unless somebody judges files: then <see cref="TftpTransfer"/> follows it.</summary>
internal sealed class TftpParser(TftpProtocol protocol) : PooledState<TftpTransaction>(protocol)
{
    private const int ReadRequest = 1;
    private const int WriteRequest = 2;

    private readonly TftpTransfer _transfer = new();

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool isRequest = context.Direction == Packets.Direction.ToServer && input.Length > 2 && input[0] == 0 && input[1] is ReadRequest or WriteRequest;
        if (isRequest && Request(input[1] == WriteRequest, input[2..], in context))
        {
            return ParseResult.Done(input.Length);
        }

        if (context.Files.IsJudging)
        {
            _transfer.Read(input, this, in context);
            return ParseResult.Done(input.Length);
        }

        // Towards the server's well-known port there are only requests; replies are not read.
        return context.Direction == Packets.Direction.ToServer ? ParseResult.Stop() : ParseResult.Done(input.Length);
    }

    public override void Release(Transaction transaction)
    {
        _transfer.Forget((TftpTransaction)transaction);
        base.Release(transaction);
    }

    public override void OnEnd(in ParseContext context) => _transfer.End(in context);

    public override void Reset()
    {
        _transfer.Reset();
        base.Reset();
    }

    /// <summary>A transaction that carries the data of a transfer.</summary>
    internal TftpTransaction? AddTransfer(ReadOnlySpan<byte> name, bool isWrite)
    {
        if (Transactions.Count >= TftpLimits.MaxTransactions)
        {
            return null;
        }

        TftpTransaction transfer = Rent();
        transfer.IsTransfer = true;
        transfer.IsWrite = isWrite;
        transfer.Name = transfer.Text.Append(name);
        Transactions.Add(transfer);
        return transfer;
    }

    /// <summary>False when it is none.</summary>
    private bool Request(bool isWrite, ReadOnlySpan<byte> text, in ParseContext context)
    {
        int nameEnd = text.IndexOf((byte)0);
        if (nameEnd < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> mode = text[(nameEnd + 1)..];
        int modeEnd = mode.IndexOf((byte)0);
        if (modeEnd < 0 || !IsMode(mode[..modeEnd]))
        {
            return false;
        }

        if (Transactions.Count >= TftpLimits.MaxTransactions)
        {
            return true;
        }

        TftpTransaction request = Rent();
        request.IsWrite = isWrite;
        request.Name = request.Text.Append(text[..Math.Min(nameEnd, TftpLimits.MaxNameBytes)]);
        request.Mode = request.Text.Append(mode[..modeEnd]);
        Ascii.ToLowerInPlace(request.Text.Writable(request.Mode), out _);
        request.Directions = context.Direction == Packets.Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        request.ProgressToServer = TftpTransaction.Complete;
        request.ProgressToClient = TftpTransaction.Complete;
        Transactions.Add(request);
        if (context.Files.IsJudging)
        {
            _transfer.Arrange(text[..Math.Min(nameEnd, TftpLimits.MaxNameBytes)], isWrite, in context);
        }

        return true;
    }

    private static bool IsMode(ReadOnlySpan<byte> mode) =>
        Ascii.EqualsIgnoreCase(mode, "octet"u8) || Ascii.EqualsIgnoreCase(mode, "netascii"u8) || Ascii.EqualsIgnoreCase(mode, "mail"u8);
}
