using BridgeGuard.Engine.Detection;
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

        var built = new List<InspectionEngine>();
        var sections = rule.Sections.ConvertAll(section => (Section: section, Ops: AddSection(rule, section), Number: NumberOf(section)));
        foreach (ProtocolId protocol in CommonProtocols(rule))
        {
            DirectionMask directions = CommonDirections(rule, protocol);
            if (directions == DirectionMask.None)
            {
                continue;
            }

            var own = new List<InspectionEngine>();
            foreach ((SectionModel section, Span32 ops, int number) in sections)
            {
                foreach ((Protocol _, BufferDescriptor descriptor) in section.Buffer!.Variants.Where(variant => variant.Protocol.Id == protocol))
                {
                    DirectionMask mask = rule.IsTwoWay ? descriptor.Directions : descriptor.Directions & directions;
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
                own.AddRange(model.Variants.Where(variant => variant.Protocol == protocol).Select(variant => Lay(model, variant, rule, directions)));
            }

            if (rule.Payload.Ops.Count > 0)
            {
                own.Add(new InspectionEngine { Kind = EngineKind.Payload, Protocol = protocol, Directions = directions });
            }

            built.AddRange(own.OrderBy(engine => Math.Min(
                (engine.Directions & DirectionMask.ToServer) != 0 ? engine.ProgressToServer : byte.MaxValue,
                (engine.Directions & DirectionMask.ToClient) != 0 ? engine.ProgressToClient : byte.MaxValue)));
            (_transactionRules[(int)protocol] ??= []).Add(index);
        }

        int start = _engines.Count;
        _engines.AddRange(built);
        return new Span32(start, built.Count);
    }

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
        string key = string.Join('\n', section.Transforms.Select(transform => transform.Identity).Prepend(section.Frame is { } frame ? $"frame {frame.Protocol.Name} {frame.Type}" : section.Buffer!.Name));
        if (!_bufferNumbers.TryGetValue(key, out int number))
        {
            number = _bufferTransforms.Count;
            _bufferNumbers.Add(key, number);
            _bufferNames.Add(key.Replace('\n', ' '));
            _bufferTransforms.Add([.. section.Transforms]);
        }

        return number;
    }

    /// <summary>Protocols in which everything that the rule asks for exists.</summary>
    private static List<ProtocolId> CommonProtocols(RuleModel rule)
    {
        IEnumerable<IEnumerable<ProtocolId>> demands = rule.Sections
            .Select(section => section.Buffer!.Variants.Select(variant => variant.Protocol.Id))
            .Concat(rule.Engines.Select(engine => engine.Variants.Select(variant => variant.Protocol)));
        List<ProtocolId>? common = null;
        foreach (IEnumerable<ProtocolId> demand in demands)
        {
            common = common is null ? [.. demand.Distinct()] : [.. common.Intersect(demand)];
        }

        return [.. (common ?? []).Where(protocol => rule.App == ProtocolId.Unknown || Detector.AppMatches(rule.App, protocol))];
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
            mask &= section.Buffer!.Variants.Where(variant => variant.Protocol.Id == protocol)
                .Aggregate(DirectionMask.None, (all, variant) => all | variant.Descriptor.Directions);
        }

        foreach (EngineModel engine in rule.Engines)
        {
            mask &= engine.Variants.Where(variant => variant.Protocol == protocol)
                .Aggregate(DirectionMask.None, (all, variant) => all | variant.Directions);
        }

        return mask;
    }
}
