using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <content>Transaction engines: one per buffer or keyword and protocol.</content>
internal sealed partial class RuleCompiler
{
    private Span32 AddEngines(RuleModel rule, in RuleEntry entry, int index, (SectionModel Section, OpModel Content)? fast)
    {
        if (entry.Kind != RuleKind.Transaction)
        {
            return Span32.Empty;
        }

        int start = _engines.Count;
        var sections = rule.Sections.ConvertAll(section => (Section: section, Ops: AddSection(rule, section), Number: NumberOf(section)));
        foreach (ProtocolId protocol in CommonProtocols(rule))
        {
            DirectionMask directions = CommonDirections(rule, protocol);
            if (directions == DirectionMask.None)
            {
                continue;
            }

            List<InspectionEngine> own = _enginesOfRule;
            own.Clear();
            foreach ((SectionModel section, Span32 ops, int number) in sections)
            {
                foreach ((Protocol owner, BufferDescriptor descriptor) in section.Buffer!.Variants)
                {
                    if (owner.Id != protocol)
                    {
                        continue;
                    }

                    DirectionMask mask = section.Only & (rule.IsTwoWay ? descriptor.Directions : descriptor.Directions & directions);
                    own.Add(new InspectionEngine
                    {
                        Kind = EngineKind.Buffer,
                        Flags = FlagsOf(section, descriptor),
                        Protocol = protocol,
                        Directions = mask,
                        ProgressToServer = descriptor.ProgressToServer,
                        ProgressToClient = descriptor.ProgressToClient,
                        Index = number,
                        LocalId = descriptor.LocalId,
                        Ops = ops,
                    });
                    if (fast is { } pattern && pattern.Section == section)
                    {
                        _prefilters.AddBuffer(index, pattern.Content, protocol, mask, number, descriptor);
                    }
                }
            }

            foreach (EngineModel model in rule.Engines)
            {
                foreach (EngineVariant variant in model.Variants)
                {
                    if (variant.Protocol == protocol)
                    {
                        own.Add(Lay(model, variant, rule, directions));
                    }
                }
            }

            if (rule.Payload.Ops.Count > 0)
            {
                own.Add(new InspectionEngine { Kind = EngineKind.Payload, Protocol = protocol, Directions = directions });
            }

            AddByProgress(own);
            (_transactionRules[(int)protocol] ??= []).Add(index);
        }

        return new Span32(start, _engines.Count - start);
    }

    /// <summary>What can be asked first comes first; else as written.</summary>
    private void AddByProgress(List<InspectionEngine> own)
    {
        int first = _engines.Count;
        foreach (InspectionEngine engine in own)
        {
            int at = _engines.Count;
            while (at > first && FirstProgress(_engines[at - 1]) > FirstProgress(engine))
            {
                at--;
            }

            _engines.Insert(at, engine);
        }
    }

    private static byte FirstProgress(in InspectionEngine engine) => Math.Min(
        (engine.Directions & DirectionMask.ToServer) != 0 ? engine.ProgressToServer : byte.MaxValue,
        (engine.Directions & DirectionMask.ToClient) != 0 ? engine.ProgressToClient : byte.MaxValue);

    private static EngineFlags FlagsOf(SectionModel section, BufferDescriptor descriptor) =>
        (descriptor.IsMulti ? EngineFlags.Multi : 0)
        | (descriptor.IsStreaming ? EngineFlags.Streaming : 0)
        | (section.Absent ? EngineFlags.Absent : 0)
        | (section.AbsentOrElse ? EngineFlags.AbsentOrElse : 0);

    private InspectionEngine Lay(EngineModel model, EngineVariant variant, RuleModel rule, DirectionMask directions)
    {
        int index = 0;
        switch (variant.Data)
        {
            case FieldTestModel test:
                index = _fieldTests.Count;
                var alternatives = new Span32(_integerTests.Count, test.Alternatives.Length);
                _integerTests.AddRange(test.Alternatives);
                _fieldTests.Add(new FieldTest
                {
                    Test = test.Test,
                    Alternatives = alternatives,
                    Mode = test.Mode,
                    Index = test.Index,
                    CountTest = test.CountTest,
                });
                break;
            case FileTest file:
                index = _fileTests.Count;
                _fileTests.Add(file);
                break;
            case TransactionMatcher matcher:
                index = _keywords.Count;
                _keywords.Add(matcher);
                break;
            default:
                index = variant.LocalId;
                break;
        }

        return new InspectionEngine
        {
            Kind = model.Kind,
            Flags = variant.IsMulti ? EngineFlags.Multi : EngineFlags.None,
            Protocol = variant.Protocol,
            Directions = rule.IsTwoWay ? variant.Directions : variant.Directions & directions,
            ProgressToServer = variant.ProgressToServer,
            ProgressToClient = variant.ProgressToClient,
            Index = index,
            LocalId = variant.LocalId,
        };
    }

    /// <summary>The number of a buffer with its transforms: equal chains share what they compute.</summary>
    private int NumberOf(SectionModel section)
    {
        string key = NameOf(section);
        foreach (Transform transform in section.Transforms)
        {
            key += "\n" + transform.Identity;
        }

        if (!_bufferNumbers.TryGetValue(key, out int number))
        {
            number = _bufferTransforms.Count;
            _bufferNumbers.Add(key, number);
            _bufferNames.Add(key.Replace('\n', ' '));
            _bufferTransforms.Add([.. section.Transforms]);
        }

        return number;
    }

    private static string NameOf(SectionModel section) =>
        section.Frame is { } frame ? $"frame {frame.Protocol.Name} {frame.Type}" : section.Buffer?.Name ?? $"header {section.HeaderBytes}";

    /// <summary>Protocols in which everything that the rule asks for exists.</summary>
    private static List<ProtocolId> CommonProtocols(RuleModel rule)
    {
        List<ProtocolId> first = rule.Sections.Count > 0 ? rule.Sections[0].Buffer!.Protocols : rule.Engines.Count > 0 ? rule.Engines[0].Protocols : [];
        var common = new List<ProtocolId>(first.Count);
        foreach (ProtocolId protocol in first)
        {
            if ((rule.App == ProtocolId.Unknown || Detector.AppCarries(rule.App, protocol))
                && rule.Sections.TrueForAll(section => section.Buffer!.Protocols.Contains(protocol))
                && rule.Engines.TrueForAll(engine => engine.Protocols.Contains(protocol)))
            {
                common.Add(protocol);
            }
        }

        return common;
    }

    private static DirectionMask CommonDirections(RuleModel rule, ProtocolId protocol)
    {
        DirectionMask mask = rule.Directions;
        if (rule.IsTwoWay)
        {
            return mask;
        }

        foreach (SectionModel section in rule.Sections)
        {
            DirectionMask all = DirectionMask.None;
            foreach ((Protocol owner, BufferDescriptor descriptor) in section.Buffer!.Variants)
            {
                all |= owner.Id == protocol ? descriptor.Directions & section.Only : DirectionMask.None;
            }

            mask &= all;
        }

        foreach (EngineModel engine in rule.Engines)
        {
            DirectionMask all = DirectionMask.None;
            foreach (EngineVariant variant in engine.Variants)
            {
                all |= variant.Protocol == protocol ? variant.Directions : DirectionMask.None;
            }

            mask &= all;
        }

        return mask;
    }
}
