using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Mqtt;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Mqtt;

/// <summary>Buffers, anomalies, limits and records of MQTT.</summary>
public sealed class MqttTests
{
    [Fact]
    public void ConnectFillsItsBuffers()
    {
        ProtocolBench bench = Run(MqttSamples.Client(MqttSamples.Connect5));
        Assert.Equal("MQTT", bench.Buffer("mqtt.connect.protocol_string", Direction.ToServer));
        Assert.Equal("client", bench.Buffer("mqtt.connect.clientid", Direction.ToServer));
        Assert.Equal("last/topic", bench.Buffer("mqtt.connect.willtopic", Direction.ToServer));
        Assert.Equal("last words", bench.Buffer("mqtt.connect.willmessage", Direction.ToServer));
        Assert.Equal("user", bench.Buffer("mqtt.connect.username", Direction.ToServer));
        Assert.Equal("secret", bench.Buffer("mqtt.connect.password", Direction.ToServer));
        Assert.Null(bench.Buffer("mqtt.publish.topic", Direction.ToServer));
    }

    [Fact]
    public void ConnectAndConnAckAreOneRecord()
    {
        ProtocolBench bench = Run(MqttSamples.Client(MqttSamples.Connect5), MqttSamples.Server(MqttSamples.ConnAck5));
        string eve = bench.Eve();
        Assert.Contains("\"will\":{\"topic\":\"last/topic\",\"message\":\"last words\",\"properties\":{\"will_delay_interval\":4}}", eve, StringComparison.Ordinal);
        Assert.Contains("\"properties\":{\"receive_maximum\":20,\"user_properties\":[{\"key\":\"k\",\"value\":\"v\"}]}", eve, StringComparison.Ordinal);
        Assert.Contains("\"session_present\":true,\"return_code\":0,\"properties\":{\"topic_alias_maximum\":10}", eve, StringComparison.Ordinal);
        Assert.Equal(1, bench.State.Transactions.Count);
    }

    [Theory]
    [InlineData("reason", "\"reason_code\":16")]
    [InlineData("implied", "\"pubrel\":{\"qos\":1,\"retain\":false,\"dup\":false,\"message_id\":7,\"reason_code\":0}")]
    public void TheFourStepsOfQualityTwoAreOneExchange(string what, string expected)
    {
        Assert.NotEmpty(what);
        ProtocolBench bench = Run(
            MqttSamples.Client(MqttSamples.Connect5),
            MqttSamples.Server(MqttSamples.ConnAck5),
            MqttSamples.Client(MqttSamples.Packet(3, 4, [.. MqttSamples.Text("t"), 0, 7, 0, 1])),
            MqttSamples.Server(MqttSamples.Packet(5, 0, 0, 7, 16)),
            MqttSamples.Client(MqttSamples.Packet(6, 2, 0, 7)));
        Assert.Equal(2, bench.State.Transactions.Count);
        Assert.Equal(0, bench.Transaction(1).ProgressToServer);
        bench.Feed([MqttSamples.Server(MqttSamples.Packet(7, 0, 0, 7))]);
        Assert.Equal(1, bench.Transaction(1).ProgressToServer);
        Assert.Contains(expected, bench.Eve(1), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, "missing_publish")]
    [InlineData(5, "missing_publish")]
    [InlineData(6, "missing_publish")]
    [InlineData(7, "missing_publish")]
    [InlineData(9, "missing_subscribe")]
    [InlineData(11, "missing_unsubscribe")]
    public void AnAnswerToNothingIsNamed(int type, string anomaly)
    {
        ProtocolBench bench = Run(
            MqttSamples.Client(MqttSamples.Connect4), MqttSamples.Server(MqttSamples.ConnAck4), MqttSamples.Server(MqttSamples.Packet(type, 0, 0, 5, 0)));
        Assert.Equal([anomaly], bench.Anomalies(1));
    }

    [Fact]
    public void OddOrderIsNamed()
    {
        Assert.Equal(["missing_connect"], Run(MqttSamples.Server(MqttSamples.ConnAck4)).Anomalies());
        Assert.Equal(["unintroduced_message"], Run(MqttSamples.Client(MqttSamples.Packet(12, 0))).Anomalies());
        Assert.Equal(["unassigned_msg_type"], Run(MqttSamples.Client(MqttSamples.Packet(0, 0))).Anomalies());
        ProtocolBench twice = Run(
            MqttSamples.Client(MqttSamples.Connect4), MqttSamples.Server(MqttSamples.ConnAck4), MqttSamples.Client(MqttSamples.Connect4));
        Assert.Equal(["double_connect"], twice.Anomalies(1));
    }

    [Fact]
    public void QualityThreeIsNamed()
    {
        ProtocolBench bench = Run(
            MqttSamples.Client(MqttSamples.Connect4),
            MqttSamples.Server(MqttSamples.ConnAck4),
            MqttSamples.Client(MqttSamples.Packet(3, 6, [.. MqttSamples.Text("t"), 0, 1])));
        Assert.Equal(["invalid_qos_level"], bench.Anomalies(1));
    }

    [Fact]
    public void AMessageThatDoesNotFitEndsParsing()
    {
        ProtocolBench bench = Run(MqttSamples.Client(MqttSamples.Packet(3, 0, 0, 9, 1)), MqttSamples.Client(MqttSamples.Packet(12, 0)));
        Assert.True(bench.HasStopped);
        Assert.Equal(["malformed_traffic"], bench.Anomalies());
        Assert.Equal(1, bench.State.Transactions.Count);
    }

    [Fact]
    public void AMessageAboveTheLimitIsPassedOver()
    {
        var bench = new ProtocolBench(new MqttProtocol(), new Dictionary<string, string> { ["max-msg-length"] = "20" });
        byte[] atLimit = MqttSamples.Packet(3, 0, [.. MqttSamples.Text("t"), .. new byte[17]]);
        byte[] pastLimit = MqttSamples.Packet(3, 0, [.. MqttSamples.Text("t"), .. new byte[18]]);
        bench.Feed([MqttSamples.Client([.. pastLimit, .. atLimit])]);
        Assert.Contains("\"truncated\":true,\"skipped_length\":23", bench.Eve(0), StringComparison.Ordinal);
        Assert.Equal(DirectionMask.ToClient, bench.Transaction(0).Directions);
        Assert.Contains("\"topic\":\"t\"", bench.Eve(1), StringComparison.Ordinal);
    }

    [Fact]
    public void TopicsBeyondTheMatchLimitAreNotLookedAt()
    {
        var bench = new ProtocolBench(new MqttProtocol(), new Dictionary<string, string> { ["subscribe-topic-match-limit"] = "2" });
        bench.Feed([MqttSamples.Client(MqttSamples.Packet(8, 2, [0, 1, .. MqttSamples.Text("a"), 0, .. MqttSamples.Text("b"), 0, .. MqttSamples.Text("c"), 0]))]);
        Assert.Equal("b", bench.Buffer("mqtt.subscribe.topic", Direction.ToServer, index: 1));
        Assert.Null(bench.Buffer("mqtt.subscribe.topic", Direction.ToServer, index: 2));
        Assert.Contains("\"topic\":\"c\"", bench.Eve(), StringComparison.Ordinal);
    }

    [Fact]
    public void AboveTheLimitTheOldestExchangeIsCompleted()
    {
        var bench = new ProtocolBench(new MqttProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed([MqttSamples.Client(MqttSamples.Connect4), MqttSamples.Server(MqttSamples.ConnAck4)]);
        for (byte id = 1; id <= 2; id++)
        {
            bench.Feed([MqttSamples.Client(MqttSamples.Packet(3, 4, [.. MqttSamples.Text("t"), 0, id]))]);
        }

        Assert.Equal(["too_many_transactions"], bench.Anomalies(1));
        Assert.Equal(1, bench.Transaction(1).ProgressToServer);
    }

    [Fact]
    public void MessagesAboveTheLimitAreNotAdded()
    {
        var bench = new ProtocolBench(new MqttProtocol(), new Dictionary<string, string> { ["max-messages"] = "2" });
        bench.Feed([MqttSamples.Client(MqttSamples.Connect4), MqttSamples.Server(MqttSamples.ConnAck4)]);
        bench.Feed([MqttSamples.Client(MqttSamples.Packet(3, 4, [.. MqttSamples.Text("t"), 0, 1]))]);
        bench.Feed([MqttSamples.Server(MqttSamples.Packet(5, 0, 0, 1))]);
        Assert.Empty(bench.Anomalies(1));
        bench.Feed([MqttSamples.Client(MqttSamples.Packet(6, 2, 0, 1))]);
        Assert.Equal(["too_many_messages"], bench.Anomalies(1));
    }

    [Fact]
    public void PropertiesAboveTheLimitAreAnAnomaly()
    {
        byte[] list = [.. Enumerable.Repeat((byte[])[0x01, 1], 257).SelectMany(p => p)];
        ProtocolBench bench = Run(
            MqttSamples.Client(MqttSamples.Connect5),
            MqttSamples.Server(MqttSamples.ConnAck5),
            MqttSamples.Client(MqttSamples.Packet(3, 0, [.. MqttSamples.Text("t"), 0x82, 0x04, .. list, 1])));
        Assert.Equal(["too_many_properties"], bench.Anomalies(1));
    }

    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new MqttProtocol());
        bench.Feed(turns);
        return bench;
    }
}
