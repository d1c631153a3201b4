using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>
/// Keeps ports that nobody has told of yet from one another: a table of nftables drops what is bridged between two ports neither of which is known. What goes
/// between one of them and a known port is inspected at the gate of that; between two, no program of ours would see it.
/// </summary>
/// <remarks>
/// The table of a bridge that fails open belongs to this process and goes with it; that of one that fails closed stays until it is removed. Thread: any.
/// </remarks>
internal sealed class PortFence : IDisposable
{
    private const string SetName = "known";
    private const string ChainName = "forward";

    /// <summary>Before whatever the host itself has there.</summary>
    private const int Priority = -400;

    private const uint HookForward = 2;
    private const uint FlagOwned = 2;
    private const uint InterfaceIndexType = 20; // As the nft program names keys.
    private const int ElementsPerMessage = 1000;
    private const int InterfaceNameBytes = 16;
    private const int AppendFlag = 0x800;

    // linux/netfilter/nf_tables.h
    private const uint KeyMark = 3;
    private const uint KeyIncoming = 4;
    private const uint KeyOutgoing = 5;
    private const uint KeyBridgeName = 17;
    private const uint Register = 1;
    private const uint CompareNotEqual = 1;
    private const uint LookupInverted = 1;

    private readonly Lock _gate = new();
    private readonly NetlinkSocket _socket;
    private readonly string _table;
    private readonly string[] _bridges;
    private readonly uint _mark;
    private readonly HashSet<int> _known = [];
    private readonly List<(int IfIndex, bool IsKnown)> _pending = [];
    private bool _isUp;

    private PortFence(NetlinkSocket socket, string table, string[] bridges, uint mark, bool stays) => (_socket, _table, _bridges, _mark, Stays) = (socket, table, bridges, mark, stays);

    /// <summary>It outlives this process, unless it is disposed of.</summary>
    public bool Stays { get; }

    /// <summary>Puts a fence up; null, with what the kernel said, where it cannot.</summary>
    /// <param name="table">Its name among the tables of the bridge family.</param>
    /// <param name="bridges">Whose unknown ports are kept apart; none: of all that there are.</param>
    /// <param name="mark">What frames carry that have been judged and enter once more by an unknown port: they pass.</param>
    /// <param name="stays">It outlives this process.</param>
    /// <param name="known">Indexes of the ports that are inspected already.</param>
    /// <param name="error">The kernel's number.</param>
    public static PortFence? TryPut(string table, string[] bridges, uint mark, bool stays, IEnumerable<int> known, out int error)
    {
        NetlinkSocket? socket = NetlinkSocket.TryOpen(0, NetfilterBatch.NetlinkNetfilter);
        if (socket is null)
        {
            error = Libc.LastError();
            return null;
        }

        PortFence fence = new(socket, table, bridges, mark, stays);
        fence._known.UnionWith(known);
        error = fence.Put();
        if (error == 0)
        {
            return fence;
        }

        fence.Dispose();
        return null;
    }

    /// <summary>The name of the table of a data plane.</summary>
    public static string TableOf(string puntDevice, bool stays) => $"bridgeguard-{puntDevice}{(stays ? "-closed" : "")}";

    /// <summary>Removes a table that a data plane left, whoever's it was; false when there was none.</summary>
    public static bool Remove(string table)
    {
        using NetlinkSocket? socket = NetlinkSocket.TryOpen(0, NetfilterBatch.NetlinkNetfilter);
        return socket is not null && Delete(socket, table) == 0;
    }

    /// <summary>A port has its programs now, or has gone; with the next <see cref="Flush"/>.</summary>
    public void Tell(int ifIndex, bool isKnown)
    {
        lock (_gate)
        {
            if (isKnown ? _known.Add(ifIndex) : _known.Remove(ifIndex))
            {
                _pending.Add((ifIndex, isKnown));
            }
        }
    }

    /// <summary>Tells the kernel of all ports that were told of since.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            if (_pending.Count > 0 && _isUp)
            {
                NetfilterBatch batch = new();
                foreach ((int ifIndex, bool isKnown) in _pending)
                {
                    AddElements(batch, isKnown ? NetfilterBatch.NewElements : NetfilterBatch.DeleteElements, [ifIndex]);
                }

                batch.Send(_socket);
            }

            _pending.Clear();
        }
    }

    /// <summary>Another data plane has its own in a moment, or has not come.</summary>
    public void Lift(bool isLifted)
    {
        lock (_gate)
        {
            if (isLifted)
            {
                Delete(_socket, _table);
                _isUp = false;
            }
            else if (!_isUp)
            {
                Put();
            }
        }
    }

    /// <summary>Leaves the table as it is.</summary>
    public void Leave() => _isUp = false;

    public void Dispose()
    {
        if (_isUp)
        {
            Delete(_socket, _table);
        }

        _socket.Dispose();
    }

    private static int Delete(NetlinkSocket socket, string table)
    {
        NetfilterBatch batch = new();
        batch.Message(NetfilterBatch.DeleteTable);
        batch.Text(1, table);
        return batch.Send(socket);
    }

    private int Put()
    {
        Delete(_socket, _table); // A predecessor's.
        NetfilterBatch batch = new();
        batch.Message(NetfilterBatch.NewTable, NetlinkSocket.FlagCreate);
        batch.Text(1, _table);
        batch.Number(2, Stays ? 0 : FlagOwned);

        batch.Message(NetfilterBatch.NewSet, NetlinkSocket.FlagCreate);
        batch.Text(1, _table);
        batch.Text(2, SetName);
        batch.Number(3, 0);
        batch.Number(4, InterfaceIndexType);
        batch.Number(5, sizeof(int));
        batch.Number(10, 1);

        batch.Message(NetfilterBatch.NewChain, NetlinkSocket.FlagCreate);
        batch.Text(1, _table);
        batch.Text(3, ChainName);
        batch.Nest(4, () =>
        {
            batch.Number(1, HookForward);
            batch.Number(2, unchecked((uint)Priority));
        });
        batch.Text(7, "filter");
        foreach (string bridge in _bridges.Length == 0 ? [""] : _bridges)
        {
            AddRule(batch, bridge);
        }

        foreach (int[] some in _known.Chunk(ElementsPerMessage))
        {
            AddElements(batch, NetfilterBatch.NewElements, some);
        }

        int error = batch.Send(_socket);
        _isUp = error == 0;
        return error;
    }

    /// <summary><c>iif != @known meta ibrname BRIDGE oif != @known meta mark and ~7 != MARK counter drop</c>: most frames leave it at the first look.</summary>
    private void AddRule(NetfilterBatch batch, string bridge)
    {
        batch.Message(NetfilterBatch.NewRule, NetlinkSocket.FlagCreate | AppendFlag);
        batch.Text(1, _table);
        batch.Text(2, ChainName);
        batch.Nest(4, () =>
        {
            AddUnknown(batch, KeyIncoming);
            if (bridge.Length > 0)
            {
                AddBridge(batch, bridge);
            }

            AddUnknown(batch, KeyOutgoing);
            AddUnjudged(batch);
            AddExpression(batch, "counter", () => { });
            AddExpression(batch, "immediate", () =>
            {
                batch.Number(1, 0);
                batch.Nest(2, () => batch.Nest(2, () => batch.Number(1, 0)));
            });
        });
    }

    private static void AddBridge(NetfilterBatch batch, string bridge)
    {
        AddMeta(batch, KeyBridgeName);
        byte[] name = new byte[InterfaceNameBytes];
        Encoding.UTF8.GetBytes(bridge, name);
        AddExpression(batch, "cmp", () =>
        {
            batch.Number(1, Register);
            batch.Number(2, 0);
            batch.Nest(3, () => batch.Bytes(1, name));
        });
    }

    private void AddUnjudged(NetfilterBatch batch)
    {
        AddMeta(batch, KeyMark);
        byte[] mask = BitConverter.GetBytes(~KernelLayout.MarkPlaces);
        byte[] mark = BitConverter.GetBytes(_mark & ~KernelLayout.MarkPlaces);
        AddExpression(batch, "bitwise", () =>
        {
            batch.Number(1, Register);
            batch.Number(2, Register);
            batch.Number(3, sizeof(uint));
            batch.Nest(4, () => batch.Bytes(1, mask));
            batch.Nest(5, () => batch.Bytes(1, new byte[sizeof(uint)]));
        });
        AddExpression(batch, "cmp", () =>
        {
            batch.Number(1, Register);
            batch.Number(2, CompareNotEqual);
            batch.Nest(3, () => batch.Bytes(1, mark));
        });
    }

    private static void AddUnknown(NetfilterBatch batch, uint key)
    {
        AddMeta(batch, key);
        AddExpression(batch, "lookup", () =>
        {
            batch.Text(1, SetName);
            batch.Number(2, Register);
            batch.Number(4, 1);
            batch.Number(5, LookupInverted);
        });
    }

    private static void AddMeta(NetfilterBatch batch, uint key) => AddExpression(batch, "meta", () =>
    {
        batch.Number(1, Register);
        batch.Number(2, key);
    });

    private static void AddExpression(NetfilterBatch batch, string name, Action data) => batch.Nest(1, () =>
    {
        batch.Text(1, name);
        batch.Nest(2, data);
    });

    private void AddElements(NetfilterBatch batch, ushort message, int[] ports)
    {
        batch.Message(message, NetlinkSocket.FlagCreate);
        batch.Text(1, _table);
        batch.Text(2, SetName);
        batch.Nest(3, () =>
        {
            foreach (int port in ports)
            {
                byte[] key = new byte[sizeof(int)];
                BinaryPrimitives.WriteInt32LittleEndian(key, port);
                batch.Nest(1, () => batch.Nest(1, () => batch.Bytes(1, key)));
            }
        });
    }
}
