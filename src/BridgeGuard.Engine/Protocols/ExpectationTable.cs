using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols;

/// <summary>What is known of an expected flow besides its key and text.</summary>
internal readonly record struct ExpectedFlow(ProtocolId Protocol, ulong ParentId, int Purpose, Direction Sender, long Offset, long Total);

/// <summary>Flows that some worker has seen being arranged and any worker may meet. Bounded; without locks; nothing waits.</summary>
/// <remarks>
/// Sets of <see cref="Ways"/> entries. An entry's word says who it is and how it stands; who exchanges the word for <see cref="Busy"/> alone reads and
/// writes the rest of it and then sets the word again. A worker that meets a busy entry passes it by: the flow it looks for is either being noted this very
/// instant, so that its bytes cannot be there yet, or being taken by somebody else. Thread: any.
/// </remarks>
public sealed class ExpectationTable
{
    /// <summary>Flows expected at once; at the bound further ones are not noted and counted in <see cref="Refused"/>.</summary>
    public const int MaxEntries = 4096;

    /// <summary>How long a flow is waited for. RFC 959 names no time; servers give up after one minute.</summary>
    public const long LifetimeUs = 60_000_000;

    /// <summary>Bytes kept of a text: longer file names are cut.</summary>
    public const int MaxTextBytes = 256;

    private const int Ways = 8;
    private const ulong Free = 0;
    private const ulong Busy = 1;

    private Entry[]? _entries;
    private int _count;
    private long _refused;

    /// <summary>Flows waited for, among them those whose time is over and whose place nobody has needed.</summary>
    public int Count => Volatile.Read(ref _count);

    public long Refused => Volatile.Read(ref _refused);

    internal void Add(ulong name, in ExpectationKey key, in ExpectedFlow flow, long nowUs, ReadOnlySpan<byte> text)
    {
        name = Named(name);
        Entry[] entries = Entries();
        Entry? entry = Claim(entries, name, nowUs);
        if (entry is null)
        {
            Interlocked.Increment(ref _refused);
            return;
        }

        entry.Key = key;
        entry.Flow = flow;
        entry.TextLength = Math.Min(text.Length, MaxTextBytes);
        text[..entry.TextLength].CopyTo(entry.Text);
        Volatile.Write(ref entry.ExpiresUs, nowUs + LifetimeUs);
        Volatile.Write(ref entry.Word, name);
    }

    internal bool TryTake(ulong name, in ExpectationKey key, long nowUs, ByteBuffer text, out ExpectedFlow flow)
    {
        flow = default;
        if (Volatile.Read(ref _entries) is not { } entries)
        {
            return false;
        }

        name = Named(name);
        int start = SetOf(name);
        for (int i = start; i < start + Ways; i++)
        {
            Entry entry = entries[i];
            if (Volatile.Read(ref entry.Word) != name || Interlocked.CompareExchange(ref entry.Word, Busy, name) != name)
            {
                continue;
            }

            bool isMine = entry.Key == key;
            bool isThere = isMine && entry.ExpiresUs > nowUs;
            if (isThere)
            {
                flow = entry.Flow;
                text.Append(entry.Text.AsSpan(0, entry.TextLength));
            }

            if (isMine)
            {
                Interlocked.Decrement(ref _count);
            }

            Volatile.Write(ref entry.Word, isMine ? Free : name);
            return isThere;
        }

        return false;
    }

    /// <summary>An entry that now is the caller's: the one of this name, else a free one, else one whose time is over.</summary>
    private Entry? Claim(Entry[] entries, ulong name, long nowUs)
    {
        int start = SetOf(name);
        for (int pass = 0; pass < 3; pass++)
        {
            for (int i = start; i < start + Ways; i++)
            {
                Entry entry = entries[i];
                ulong word = Volatile.Read(ref entry.Word);
                bool fits = pass switch
                {
                    0 => word == name,
                    1 => word == Free,
                    _ => word != Busy && Volatile.Read(ref entry.ExpiresUs) <= nowUs,
                };
                if (fits && Interlocked.CompareExchange(ref entry.Word, Busy, word) == word)
                {
                    if (word == Free)
                    {
                        Interlocked.Increment(ref _count);
                    }

                    return entry;
                }
            }
        }

        return null;
    }

    /// <summary>Makes the table, which is else made when a flow is first expected.</summary>
    internal void Prepare() => Entries();

    private Entry[] Entries()
    {
        if (Volatile.Read(ref _entries) is { } entries)
        {
            return entries;
        }

        var made = new Entry[MaxEntries];
        for (int i = 0; i < made.Length; i++)
        {
            made[i] = new Entry();
        }

        return Interlocked.CompareExchange(ref _entries, made, null) ?? made;
    }

    private static ulong Named(ulong name) => name <= Busy ? name + 2 : name;

    private static int SetOf(ulong name) => (int)((name >> 16) & ((MaxEntries / Ways) - 1)) * Ways;

    private sealed class Entry
    {
        public ulong Word;
        public long ExpiresUs;
        public ExpectationKey Key;
        public ExpectedFlow Flow;
        public int TextLength;
        public readonly byte[] Text = new byte[MaxTextBytes];
    }
}
