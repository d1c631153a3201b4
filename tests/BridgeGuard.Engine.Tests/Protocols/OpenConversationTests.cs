using BridgeGuard.Engine.Protocols;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>The conversations that open many transactions do so: what is measured with them would mean nothing otherwise.</summary>
public sealed class OpenConversationTests
{
    /// <summary>Protocols whose exchanges wait for an answer, so that a client can leave as many open as it likes.</summary>
    private static readonly string[] Waiting = ["dcerpc", "enip", "ftp", "http1", "http2", "ldap", "modbus", "mqtt", "nfs", "pgsql", "pop3", "smb"];

    [Fact]
    public void ProtocolsWithAnswersCanLeaveManyOpen()
    {
        string[] found = [.. ProtocolSamples.All().Where(p => OpenConversation.Find(p.Samples).Open >= OpenConversation.Tried / 2).Select(p => p.Name)];
        Assert.Equal(Waiting, found.Intersect(Waiting));
    }
}
