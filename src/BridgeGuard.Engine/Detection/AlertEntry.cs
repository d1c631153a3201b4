using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;

namespace BridgeGuard.Engine.Detection;

/// <summary>How a rule came to match.</summary>
[Flags]
public enum AlertFlags : ushort
{
    None = 0,

    /// <summary>The match is in reassembled stream data, not in the packet's own payload.</summary>
    Stream = 1 << 0,

    /// <summary>The match is in <see cref="AlertEntry.Transaction"/>.</summary>
    Transaction = 1 << 1,

    /// <summary>The rule had no transaction of its own; the only live one was taken (EVE <c>tx_guessed</c>).</summary>
    TransactionGuessed = 1 << 2,

    /// <summary>The rule's drop or reject is for the rest of the flow as well.</summary>
    DropFlow = 1 << 3,

    /// <summary>A <c>rate_filter</c> exchanged the rule's action for <see cref="AlertEntry.Action"/>.</summary>
    RateFiltered = 1 << 4,

    /// <summary>The match is in a frame of the stream.</summary>
    Frame = 1 << 5,

    /// <summary>Acts, but writes no alert (threshold, suppression, <c>noalert</c>).</summary>
    Silent = 1 << 6,

    /// <summary>A firewall rule or policy; its action was carried out at once.</summary>
    Firewall = 1 << 7,
}

/// <summary>One rule that matched one packet. A value in the worker's queue; valid until the packet's events are written.</summary>
public struct AlertEntry
{
    public RuleInfo Rule;

    /// <summary>The transaction it matched in, or null.</summary>
    public Transaction? Transaction;

    public AlertFlags Flags;

    /// <summary>The rule's action, unless a filter exchanged it.</summary>
    public RuleAction Action;

    /// <summary>The firewall hook at which it matched, as EVE <c>firewall.hook</c>; null without a name.</summary>
    public string? Hook;

    /// <summary>The frame it matched in; with <see cref="AlertFlags.Frame"/>.</summary>
    public Frame Frame;

    /// <summary>EVE <c>alert.context</c>: a UTF-8 JSON object with one member per data set, from data sets that carry JSON; empty without.</summary>
    public ReadOnlyMemory<byte> Context;

    /// <summary>The role that decided about the match; null: the rule's own action stands.</summary>
    public string? Role;

    /// <summary>The line that the role decided by, <c>file:line:column</c>; null without.</summary>
    public string? Place;

    public readonly bool Has(AlertFlags flags) => (Flags & flags) != 0;
}
