using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Events;

/// <summary>The <c>xff</c> section of a record type: the client that a proxy names in a request header stands for the proxy or beside it.</summary>
internal sealed class XffOptions
{
    private readonly byte[] _header;
    private readonly bool _isForward;

    private XffOptions(bool overwrites, bool isForward, string header)
    {
        Overwrites = overwrites;
        _isForward = isForward;
        _header = System.Text.Encoding.ASCII.GetBytes(header.ToLowerInvariant());
    }

    /// <summary>The address takes the place of the proxy's; else it is a member of its own.</summary>
    public bool Overwrites { get; }

    /// <summary>Of a record type: its own section counts, else that of the output; null when it is not enabled.</summary>
    public static XffOptions? Create(ProtocolSettings options, XffSettings output)
    {
        if (options.Get("xff.enabled") is null)
        {
            return output.Enabled ? new XffOptions(output.Overwrite, !output.Reverse, output.Header) : null;
        }

        return options.GetBool("xff.enabled", false)
            ? new XffOptions(options.Get("xff.mode") == "overwrite", options.Get("xff.deployment") == "forward", options.Get("xff.header") ?? "X-Forwarded-For")
            : null;
    }

    /// <summary>The client's address: the first of the list behind a forward proxy, the last before a reverse one.</summary>
    /// <param name="flow">Its transactions are searched when none is given.</param>
    /// <param name="transaction">The transaction concerned, or null.</param>
    /// <param name="text">As written.</param>
    /// <param name="address">The same.</param>
    public bool TryFind(Flow flow, Transaction? transaction, out ReadOnlySpan<byte> text, out IpAddress address)
    {
        text = default;
        address = default;
        if (flow.AppState is not { } state)
        {
            return false;
        }

        if (transaction is not null)
        {
            return state.Protocol.TryGetRequestHeader(transaction, _header, out text) && TryChoose(ref text, out address);
        }

        for (int i = 0; i < state.Transactions.Count; i++)
        {
            if (state.Protocol.TryGetRequestHeader(state.Transactions[i], _header, out text) && TryChoose(ref text, out address))
            {
                return true;
            }
        }

        return false;
    }

    private bool TryChoose(ref ReadOnlySpan<byte> text, out IpAddress address)
    {
        int comma = _isForward ? text.IndexOf((byte)',') : text.LastIndexOf((byte)',');
        text = comma < 0 ? text : _isForward ? text[..comma] : text[(comma + 1)..];
        text = text.Trim((byte)' ');
        Span<char> chars = stackalloc char[46];
        if (text.Length > chars.Length || System.Text.Ascii.ToUtf16(text, chars, out int length) != System.Buffers.OperationStatus.Done)
        {
            address = default;
            return false;
        }

        return IpAddress.TryParse(chars[..length], out address);
    }
}
