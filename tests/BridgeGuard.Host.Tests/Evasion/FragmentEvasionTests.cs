using System.Text;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>
/// However a datagram is cut, a host must not get one that was not seen whole. The oracle is a real kernel: what its socket receives from the
/// frames that the engine lets through must be among what the engine has put together.
/// </summary>
public sealed class FragmentEvasionTests
{
    private const string Attack = "GET /cgi-bin/ATTACK-STRING?id=1 HTTP/1.0";

    [Fact]
    public void AttackIsSeenInEveryCutAndOrder()
    {
        using KernelHost host = new();
        FragmentInspector inspector = new();
        uint id = 1;
        int delivered = 0;
        byte[] data = Fragments.UdpData(Encoding.ASCII.GetBytes(Attack));
        foreach (bool v6 in (bool[])[false, true])
        {
            for (int size = 8; size < data.Length; size += 8)
            {
                List<byte[]> pieces = Cut(v6, id++, data, size);
                delivered += Check(host, inspector, pieces, mustArrive: true);
                pieces = Cut(v6, id++, data, size);
                pieces.Reverse();
                delivered += Check(host, inspector, pieces, mustArrive: true);
            }

            foreach (int first in (int[])[8, 16, 24])
            {
                for (int second = first + 8; second < data.Length; second += 8)
                {
                    byte[] a = Make(v6, id, 0, true, data.AsSpan(0, first));
                    byte[] b = Make(v6, id, first, true, data.AsSpan(first, second - first));
                    byte[] c = Make(v6, id++, second, false, data.AsSpan(second));
                    delivered += Check(host, inspector, [b, c, a], mustArrive: true);
                }
            }
        }

        Assert.True(delivered > 30, $"only {delivered}");
    }

    [Fact]
    public void OverlapsOfEveryKindDeliverOnlyWhatWasSeen()
    {
        using KernelHost host = new();
        FragmentInspector inspector = new();
        uint id = 1;
        byte[] harmless = Fragments.UdpData(Encoding.ASCII.GetBytes(new string('h', Attack.Length)));
        byte[] attack = Fragments.UdpData(Encoding.ASCII.GetBytes(Attack));
        foreach (bool v6 in (bool[])[false, true])
        {
            for (int start = 0; start < attack.Length; start += 8)
            {
                for (int end = start + 8; end < attack.Length; end += 8)
                {
                    // A harmless datagram with a piece of the attack over it, before it, and amid it.
                    for (int place = 0; place < 3; place++, id++)
                    {
                        List<byte[]> pieces = Cut(v6, id, harmless, 16);
                        pieces.Insert(place switch { 0 => 0, 1 => pieces.Count - 1, _ => pieces.Count / 2 }, Make(v6, id, start, true, attack.AsSpan(start, end - start)));
                        pieces.AddRange(Cut(v6, id, attack, 16));
                        Check(host, inspector, pieces);
                    }
                }
            }
        }

        Assert.DoesNotContain(inspector.Seen, payload => payload.Length == 0);
    }

    [Fact]
    public void RandomFragmentsDeliverOnlyWhatWasSeen()
    {
        using KernelHost host = new();
        FragmentInspector inspector = new();
        Random random = new(20_07);
        int delivered = 0;
        for (int round = 0; round < 1500; round++)
        {
            bool v6 = random.Next(2) == 0;
            uint id = (uint)random.Next(1, 40);
            byte[] data = Fragments.UdpData(Encoding.ASCII.GetBytes($"{round:0000} " + new string((char)('a' + random.Next(26)), random.Next(10, 60))));
            List<byte[]> pieces = Cut(v6, id, data, 8 * random.Next(1, 5));
            int extra = random.Next(0, 3);
            for (int i = 0; i < extra; i++)
            {
                int start = random.Next(0, data.Length / 8) * 8;
                int length = Math.Min(random.Next(1, 4) * 8, data.Length - start);
                byte[] bytes = data.AsSpan(start, length).ToArray();
                bytes[^1] ^= (byte)random.Next(2);
                bool more = random.Next(3) != 0;
                pieces.Insert(random.Next(pieces.Count + 1), Make(v6, id, start, more, more ? bytes.AsSpan(0, length & ~7) : bytes));
            }

            if (random.Next(2) == 0)
            {
                random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(pieces));
            }

            delivered += Check(host, inspector, pieces);
        }

        Assert.True(delivered > 200, $"only {delivered} datagrams arrived: the test shows little");
    }

    [Fact]
    public void FragmentsThatTheHostIgnoresCompleteNothing()
    {
        using KernelHost host = new();
        FragmentInspector inspector = new();
        byte[] attack = Fragments.UdpData(Encoding.ASCII.GetBytes(Attack));
        for (int trick = 0; trick < 3; trick++)
        {
            ushort id = (ushort)(500 + trick);
            byte[] decoy = Make(false, id, 24, false, new byte[attack.Length - 24]);
            decoy = trick switch
            {
                // For another station on the wire; with a bad header sum; cut off behind what it announces.
                0 => [2, 0, 0, 0, 0, 9, .. decoy.AsSpan(6)],
                1 => [.. decoy.AsSpan(0, 24), (byte)(decoy[24] ^ 1), .. decoy.AsSpan(25)],
                _ => decoy[..^4],
            };
            Check(host, inspector, [Make(false, id, 0, true, attack.AsSpan(0, 24)), decoy, Make(false, id, 24, false, attack.AsSpan(24))]);
        }

        Assert.Contains(Attack, inspector.Seen);
    }

    /// <summary>What the drop is for: without it this kernel discards the overlapped datagram and takes the attack that follows.</summary>
    [Fact]
    public void WithoutDroppingOverlapsTheKernelSeesADatagramThatWeDoNot()
    {
        using KernelHost host = new();
        byte[] attack = Fragments.UdpData(Encoding.ASCII.GetBytes(Attack));
        byte[] harmless = Fragments.UdpData(Encoding.ASCII.GetBytes(new string('h', Attack.Length)));
        List<byte[]> frames =
        [
            Make(false, 9, 0, true, harmless.AsSpan(0, 24)),
            Make(false, 9, 16, true, harmless.AsSpan(16, 16)),
            .. Cut(false, 9, attack, 24),
        ];

        FragmentInspector lenient = new(dropOverlaps: false);
        bool evaded = host.Receive(lenient.Inspect(frames)).Any(payload => !lenient.Seen.Contains(payload));
        FragmentInspector strict = new();
        Assert.All(host.Receive(strict.Inspect(frames)), payload => Assert.Contains(payload, strict.Seen));
        Assert.SkipUnless(evaded, "this kernel does not discard datagrams with overlaps");
    }

    private static int Check(KernelHost host, FragmentInspector inspector, List<byte[]> frames, bool mustArrive = false)
    {
        List<string> received = host.Receive(inspector.Inspect(frames));
        foreach (string payload in received)
        {
            Assert.Contains(payload, inspector.Seen);
        }

        if (mustArrive)
        {
            Assert.Equal([Attack], received);
        }

        return received.Count;
    }

    private static List<byte[]> Cut(bool v6, uint id, byte[] data, int size)
    {
        List<byte[]> pieces = [];
        for (int start = 0; start < data.Length; start += size)
        {
            int end = Math.Min(start + size, data.Length);
            pieces.Add(Make(v6, id, start, end < data.Length, data.AsSpan(start, end - start)));
        }

        return pieces;
    }

    private static byte[] Make(bool v6, uint id, int offset, bool more, ReadOnlySpan<byte> data) =>
        v6 ? Fragments.V6(id, offset, more, data) : Fragments.V4((ushort)id, offset, more, data);
}
