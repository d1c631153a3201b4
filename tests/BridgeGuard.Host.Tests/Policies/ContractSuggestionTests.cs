using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Policies;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Contracts;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>A contract made of what a guest did is a role file that allows just that.</summary>
public sealed class ContractSuggestionTests
{
    private static readonly IpAddress Peer = IpAddress.FromV4(0x0a000002);

    [Fact]
    public void TheProposedRoleLoadsAndAllowsWhatWasSeenAndNothingElse()
    {
        ContractSuggestion suggestion = new();
        suggestion.Add(Flow("10.0.0.1", "10.0.0.2", "UDP", 53), "10.0.0.1");
        suggestion.Add(Flow("10.0.0.1", "198.51.100.1", "TCP", 443), "10.0.0.1");
        suggestion.Add(Flow("10.0.0.9", "10.0.0.1", "TCP", 3128), "10.0.0.1");
        suggestion.Add(Flow("10.0.0.9", "10.0.0.1", "ICMP", null), "10.0.0.1");
        suggestion.Add(Flow("10.0.0.1", "10.0.0.3", "TCP", 25, answered: false), "10.0.0.1"); // An attempt.
        suggestion.Add(Flow("10.0.0.7", "10.0.0.8", "TCP", 22), "10.0.0.1"); // Others.
        suggestion.Add("{\"event_type\":\"dns\",\"src_ip\":\"10.0.0.1\"}", "10.0.0.1");
        Assert.Equal(4, suggestion.Flows);

        ServiceContract contract = Load(suggestion.ToYaml("seen", "web1"));

        Assert.Equal(RoleAction.AsRule, Out(contract, IpProtocols.Udp, 53));
        Assert.Equal(RoleAction.AsRule, Out(contract, IpProtocols.Tcp, 443));
        Assert.Equal(RoleAction.AsRule, In(contract, IpProtocols.Tcp, 3128));
        Assert.Equal(RoleAction.AsRule, In(contract, IpProtocols.Icmp, 0));
        Assert.Equal(RoleAction.Alert, Out(contract, IpProtocols.Tcp, 25));
        Assert.Equal(RoleAction.Alert, Out(contract, IpProtocols.Tcp, 3128));
        Assert.Equal(RoleAction.Alert, In(contract, IpProtocols.Tcp, 443));
    }

    [Fact]
    public void ManyPortsTakenAtRandomAreARangeAndNamesOfGuestsCountAsAddressesDo()
    {
        ContractSuggestion suggestion = new();
        for (int port = 50_000; port < 50_100; port++)
        {
            suggestion.Add(Flow("10.0.0.9", "10.0.0.1", "TCP", port, peerVm: "ftp1"), "ftp1");
        }

        suggestion.Add(Flow("10.0.0.9", "10.0.0.1", "TCP", 21, peerVm: "ftp1"), "ftp1");
        ServiceContract contract = Load(suggestion.ToYaml("seen", "ftp1"));
        Assert.Equal(RoleAction.AsRule, In(contract, IpProtocols.Tcp, 21));
        Assert.Equal(RoleAction.AsRule, In(contract, IpProtocols.Tcp, 65_000));
        Assert.Equal(RoleAction.Alert, In(contract, IpProtocols.Tcp, 49_151));
        Assert.Equal(RoleAction.Alert, Out(contract, IpProtocols.Tcp, 21));
    }

    private static RoleAction In(ServiceContract contract, byte protocol, ushort port) => contract.Judge(isServer: true, protocol, port, -1, Peer, out _);

    private static RoleAction Out(ServiceContract contract, byte protocol, ushort port) => contract.Judge(isServer: false, protocol, port, -1, Peer, out _);

    private static string Flow(string from, string to, string protocol, int? port, bool answered = true, string peerVm = "") =>
        $"{{\"event_type\":\"flow\",\"src_ip\":\"{from}\",\"dest_ip\":\"{to}\",\"proto\":\"{protocol}\""
        + (port is null ? "" : $",\"src_port\":40000,\"dest_port\":{port}")
        + (peerVm.Length == 0 ? "" : $",\"peer_vm\":{{\"name\":\"{peerVm}\"}}")
        + $",\"flow\":{{\"pkts_toserver\":2,\"pkts_toclient\":{(answered ? 2 : 0)}}}}}";

    private static ServiceContract Load(string yaml)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("seen.yaml"), yaml);
        var diagnostics = new List<ConfigDiagnostic>();
        PolicyLoader loader = new(diagnostics);
        loader.AddRole(folder.File("seen.yaml"));
        PolicyModel policy = loader.Build();
        Assert.Empty(diagnostics);
        return policy.Roles[policy.FindRole("seen")].Contract;
    }
}
