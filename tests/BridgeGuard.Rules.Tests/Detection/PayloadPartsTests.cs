using System.Text;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Patterns are divided by ports and protocols into several searches; which of them a packet needs must not change what matches.</summary>
public sealed class PayloadPartsTests
{
    private static readonly string[] Ports = ["any", "any", "80", "445", "[139,445]", "139", "!445", "1024:", "[25,587]", "1521", "21", "[21,2121]", "[1:65535]", "6000:6010"];

    private static readonly ushort[] Used = [21, 25, 80, 139, 445, 587, 1521, 2121, 4000, 6005, 50_000];

    [Fact]
    public void EveryPortFindsWhatItFindsWithoutThePrefilter()
    {
        var random = new Random(11);
        var text = new StringBuilder();
        for (int sid = 1; sid <= 400; sid++)
        {
            string arrow = random.Next(5) == 0 ? "<>" : "->";
            text.Append($"alert tcp any {Ports[random.Next(Ports.Length)]} {arrow} any {Ports[random.Next(Ports.Length)]} (content:\"{Word(sid)}\"; sid:{sid};)\n");
        }

        var with = new DetectorHarness(text.ToString());
        var without = new DetectorHarness(text.ToString(), prefilter: false);
        Assert.True(with.Result.Rules.PayloadPrefilters.Max(slot => slot.Length) > 4, "the patterns are divided");

        int found = 0;
        foreach (ushort from in Used)
        {
            foreach (ushort to in Used)
            {
                string payload = string.Join(' ', Enumerable.Range(0, 12).Select(_ => Word(random.Next(1, 401))));
                byte[] frame = FrameBuilder.Tcp(DetectorHarness.Client, from, DetectorHarness.Server, to, 1000, 2000, "AP", Encoding.ASCII.GetBytes(payload));
                uint[] expected = without.Inspect(frame, Direction.ToServer, withFlow: false);
                Assert.Equal(expected, with.Inspect(frame, Direction.ToServer, withFlow: false));
                found += expected.Length;
            }
        }

        Assert.True(found > 150, $"{found} matches");
    }

    [Fact]
    public void RulesForAProtocolHaveASearchOfTheirOwnWhenTheyAreEnough()
    {
        var text = new StringBuilder();
        for (int sid = 1; sid <= 20; sid++)
        {
            text.Append($"alert {FakeProtocol.Instance.Name} any any -> any any (content:\"{Word(sid)}\"; sid:{sid};)\n");
            text.Append($"alert tcp any any -> any any (content:\"{Word(100 + sid)}\"; sid:{100 + sid};)\n");
        }

        PrefilterTable[] tables = new DetectorHarness(text.ToString()).Result.Rules.PayloadPrefilters[(int)PayloadKind.TcpStream * 2];

        Assert.Equal([ProtocolId.Unknown, FakeProtocol.Instance.Id], tables.Select(table => table.App).Order());
        Assert.All(tables, table => Assert.Equal(20, table.Rules.Length));
    }

    private static string Word(int sid) => (sid % 3) switch
    {
        0 => $"w{sid:x3}",
        1 => $"pattern{sid:x3}",
        _ => $"x{sid:x2}y",
    };
}
