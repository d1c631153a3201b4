using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Worker;

/// <summary>Changing to another program of rules and roles between two packets.</summary>
public sealed partial class PacketWorker
{
    private void TakeProgram()
    {
        EngineProgram next = Program;
        if (ReferenceEquals(next, _current))
        {
            return;
        }

        EngineProgram before = _current;
        _current = next;
        RedirectTarget[] targets = next.Policy.Model.Targets;
        _policyGeneration = (ushort)(_policyGeneration == ushort.MaxValue ? 1 : _policyGeneration + 1);
        _guarded = next.Guests.Count;
        _guardsLinks = next.Policy.GuardsLinks;

        // Where guests have contracts nothing passes without being judged as a flow.
        _flows.OpensFlowsForErrors = _guarded != 0;
        _detector.Guests = next.Guests;
        if (_behaviour is null && next.Policy.WatchesBehaviour)
        {
            _shared.Sources.Prepare();
            _behaviour = new BehaviourTracker(_shared.Sources);
        }

        _watchesLatency = _clock is not null && next.Policy.WatchesLatency;
        Injector.WantsWait = _watchesLatency;
        _detector.Policy = next.Policy;
        if (!ReferenceEquals(targets, before.Policy.Model.Targets))
        {
            _redirector = new Redirector(_redirectTable, targets, Injector);
        }

        if (ReferenceEquals(next.Rules, before.Rules) && ReferenceEquals(next.Policy, before.Policy))
        {
            return;
        }

        _files.Wanted = next.Rules.NeededHashes;
        _files.IsStoringWanted = next.Rules.StoresFiles;
        ApplyRuleNeeds(next.Rules);
    }

    private void ApplyRuleNeeds(RuleSet rules)
    {
        bool[] frames = WantedFrames(rules);
        _appLayer.WantedFrames = frames;
        _appLayer.RuleBuffers = RuleBuffers(rules);
        _detects = _settings.DetectionEnabled && (rules.Count > 0 || _settings.FirewallMode);
        _tcp.Reassembler.IsReadByRules = _settings.Stream.Reassembly.Raw && _detects && (rules.NeedsStream || _settings.FirewallMode);
        _tcp.Reassembler.HoldsForAlerts = _detects && _events.WantsPayloads && !_tcp.Reassembler.IsReadByRules;
        _tcp.Reassembler.RawEnabled = _tcp.Reassembler.IsReadByRules
            || (_settings.Stream.Reassembly.Raw && (_streamLog is not null || Array.IndexOf(frames, true) >= 0));
    }

    /// <summary>Frames are kept of protocols that rules ask for, and of all where an output lists them: without any of its own a protocol has the stream's.</summary>
    private bool[] WantedFrames(RuleSet rules)
    {
        var wanted = new bool[(int)ProtocolId.Count];
        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            wanted[(int)protocol.Id] = _events.WantsFrames || (protocol.Frames.Length > 0 && rules.NeedsFrames(protocol.Id));
        }

        return wanted;
    }

    private static ulong[] RuleBuffers(RuleSet rules)
    {
        var used = new ulong[(int)ProtocolId.Count];
        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            foreach (BufferDescriptor buffer in protocol.Buffers)
            {
                used[(int)protocol.Id] |= buffer.LocalId < 64 && rules.UsesBuffer(buffer.Name) ? 1UL << buffer.LocalId : 0;
            }
        }

        return used;
    }
}
