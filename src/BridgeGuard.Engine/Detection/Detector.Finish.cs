using BridgeGuard.Engine.Detection.Shared;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Detection;

/// <content>Effects of single matches, and what the packet's matches together decide.</content>
public sealed partial class Detector
{
    private void ApplyEffects(in RuleEntry entry, Transaction? transaction)
    {
        for (int i = 0; i < entry.Effects.Count; i++)
        {
            ref readonly RuleEffect effect = ref _rules.Effects[entry.Effects.Start + i];
            switch (effect.Kind)
            {
                case EffectKind.FlowBitSet:
                case EffectKind.FlowBitUnset:
                case EffectKind.FlowBitToggle:
                case EffectKind.FlowIntSet:
                case EffectKind.FlowIntAdd:
                case EffectKind.FlowIntSubtract:
                case EffectKind.Bypass:
                    if (_flow is not null)
                    {
                        ApplyFlowEffect(_flow.Variables, effect);
                    }

                    break;

                case EffectKind.Tag:
                    ApplyTag(effect);
                    break;

                case EffectKind.Mark:
                    _packet.SetMark((uint)effect.A, (uint)effect.B);
                    break;

                case EffectKind.StoreFiles:
                case EffectKind.Config:
                case EffectKind.StoreCertificate:
                    ApplyTransactionEffect(entry, effect, transaction);
                    break;

                case EffectKind.XBitSet or EffectKind.XBitUnset or EffectKind.XBitToggle when effect.Mode == (byte)TrackBy.Flow:
                    ApplyTransactionBit(effect, transaction);
                    break;

                default:
                    ApplyHostEffect(effect);
                    break;
            }
        }
    }

    private static void ApplyFlowEffect(FlowVariables variables, in RuleEffect effect)
    {
        switch (effect.Kind)
        {
            case EffectKind.FlowBitSet:
                variables.SetBit(effect.A);
                break;
            case EffectKind.FlowBitUnset:
                variables.UnsetBit(effect.A);
                break;
            case EffectKind.FlowBitToggle:
                variables.ToggleBit(effect.A);
                break;
            case EffectKind.Bypass:
                variables.BypassRequested = true;
                break;
            default:
                // B is another variable's number, or -1 for the constant C.
                uint operand = (uint)effect.C;
                if (effect.B >= 0 && !variables.TryGetInteger(effect.B, out operand))
                {
                    return;
                }

                variables.TryGetInteger(effect.A, out uint old);
                variables.SetInteger(effect.A, effect.Kind switch
                {
                    EffectKind.FlowIntAdd => unchecked(old + operand),
                    EffectKind.FlowIntSubtract => unchecked(old - operand),
                    _ => operand,
                });
                break;
        }
    }

    private static void ApplyTransactionBit(in RuleEffect effect, Transaction? transaction)
    {
        if (transaction is null)
        {
            return;
        }

        if (effect.Kind == EffectKind.XBitSet || (effect.Kind == EffectKind.XBitToggle && !transaction.Bits.IsSet(effect.A)))
        {
            transaction.Bits.Set(effect.A);
        }
        else
        {
            transaction.Bits.Unset(effect.A);
        }
    }

    private void ApplyHostEffect(in RuleEffect effect)
    {
        if (_packet.IpVersion == 0)
        {
            return;
        }

        GetHosts((TrackBy)effect.Mode, out IpAddress first, out IpAddress second);
        bool isHostBit = effect.Kind is EffectKind.HostBitSet or EffectKind.HostBitUnset or EffectKind.HostBitToggle;
        long untilUs = _packet.TimeUs + (effect.C * 1_000_000L);
        switch (effect.Kind)
        {
            case EffectKind.XBitToggle or EffectKind.HostBitToggle:
                _hostVariables.Toggle(effect.A, first, second, isHostBit, untilUs, _packet.TimeUs);
                break;
            case EffectKind.XBitSet or EffectKind.HostBitSet:
                _hostVariables.Set(effect.A, first, second, isHostBit, untilUs, _packet.TimeUs);
                break;
            default:
                _hostVariables.Unset(effect.A, first, second, isHostBit);
                break;
        }
    }

    /// <summary>Puts the matches in rule order, applies thresholds, and carries their actions out on packet and flow.</summary>
    private void Finish()
    {
        if (_alerts.Count == 0)
        {
            return;
        }

        _alerts.Sort();
        int kept = 0;
        bool passed = false;
        for (int i = 0; i < _alerts.Count && !passed; i++)
        {
            AlertEntry alert = _alerts[i];
            if (alert.Has(AlertFlags.Firewall))
            {
                if (_flow is not null)
                {
                    _flow.Flags |= FlowFlags.Alerted;
                }

                _alerts[kept++] = alert;
                continue;
            }

            ThresholdVerdict verdict = _thresholds.Check(_rules, alert.Rule.Index, _packet, _flow, ref alert.Action, out bool rateFiltered);
            if (verdict == ThresholdVerdict.NoMatch)
            {
                _alerts.Suppressed++;
                continue;
            }

            if (rateFiltered)
            {
                alert.Flags |= alert.Action == RuleAction.Pass ? AlertFlags.RateFiltered | AlertFlags.Silent : AlertFlags.RateFiltered;
            }

            if (verdict == ThresholdVerdict.Silent)
            {
                alert.Flags |= AlertFlags.Silent;
            }

            _alerts.Suppressed += alert.Action == RuleAction.Config || (alert.Has(AlertFlags.Silent) && !rateFiltered) ? 1 : 0;

            _rewrites.Approve(alert.Rule.Index);
            passed = Act(alert);
            if (alert.Action != RuleAction.Config && !alert.Has(AlertFlags.Silent) && _flow is not null)
            {
                _flow.Flags |= FlowFlags.Alerted;
            }

            if (alert.Action != RuleAction.Config)
            {
                _alerts[kept++] = alert;
            }
        }

        _alerts.Truncate(kept);
    }

    /// <summary>Carries out one match's action; true when a pass rule ends the inspection of this packet.</summary>
    private bool Act(in AlertEntry alert)
    {
        bool onFlow = alert.Has(AlertFlags.DropFlow) && _flow is not null;
        switch (alert.Action)
        {
            case RuleAction.Pass:
                if (_packet.Action == VerdictAction.Drop)
                {
                    // What a rule before this one has dropped stays dropped.
                    return true;
                }

                if (onFlow)
                {
                    _flow!.Flags |= FlowFlags.Passed;
                }

                // What it carries is judged for itself, as in Suricata.
                _packet.Flags |= PacketFlags.NoInspection;
                return true;

            case RuleAction.Drop:
            case RuleAction.Reject:
            case RuleAction.RejectDestination:
            case RuleAction.RejectBoth:
                if (_packet.IsPassive)
                {
                    return false;
                }

                _packet.Reject |= alert.Action switch
                {
                    RuleAction.Reject => RejectTarget.Source,
                    RuleAction.RejectDestination => RejectTarget.Destination,
                    RuleAction.RejectBoth => RejectTarget.Both,
                    _ => RejectTarget.None,
                };
                if (Enforces)
                {
                    _packet.Drop(alert.Has(AlertFlags.RateFiltered) ? DropReason.RulesThreshold : DropReason.Rules);
                    if (onFlow)
                    {
                        _flow!.Flags |= FlowFlags.Dropped;
                    }
                }
                else if (onFlow && !_settings.IsInline)
                {
                    _flow!.Flags |= FlowFlags.DropTold;
                }

                return false;

            default:
                return false;
        }
    }

    /// <summary>The packets that follow on the flow or host are marked <see cref="PacketFlags.Tagged"/> until the tag's measure is full.</summary>
    private void ApplyTag(in RuleEffect effect)
    {
        TagOp tag = _rules.Tags[effect.A];

        // The packet that matched is the measure's first: it is told of by its alert.
        long spent = tag.Metric switch
        {
            TagMetric.Packets => 1,
            TagMetric.Bytes => _packet.Length,
            _ => 0,
        };
        var state = new TagState
        {
            Active = tag.Metric == TagMetric.Seconds || tag.Count > spent,
            Metric = tag.Metric,
            Remaining = tag.Count - spent,
            UntilUs = tag.Metric == TagMetric.Seconds ? _packet.TimeUs + (tag.Count * 1_000_000L) : long.MaxValue,
        };
        if (!tag.IsHost)
        {
            if (_flow is not null && !_flow.Variables.Tag.Active)
            {
                _flow.Variables.Tag = state;
            }

            return;
        }

        if (_packet.IpVersion != 0)
        {
            _hostTags.Add(tag.BySource ? _packet.SourceAddress : _packet.DestinationAddress, state, _packet.TimeUs);
        }
    }

    /// <summary>Marks the packet when a tag of an earlier packet wants it logged.</summary>
    private void MarkTagged()
    {
        if (_packet.Has(PacketFlags.Pseudo))
        {
            return;
        }

        if (_flow is not null && _flow.Variables.Tag.Active && _flow.Variables.Tag.Consume(_packet.Length, _packet.TimeUs))
        {
            _packet.Flags |= PacketFlags.Tagged;
        }

        if (!_hostTags.IsEmpty && _packet.IpVersion != 0)
        {
            ConsumeHost(_packet.SourceAddress);
            ConsumeHost(_packet.DestinationAddress);
        }
    }

    private void ConsumeHost(IpAddress address)
    {
        if (_hostTags.Consume(address, _packet.Length, _packet.TimeUs))
        {
            _packet.Flags |= PacketFlags.Tagged;
        }
    }

    private void ApplyTransactionEffect(in RuleEntry entry, in RuleEffect effect, Transaction? transaction)
    {
        if (transaction is null)
        {
            if (effect.Kind == EffectKind.Config && _flow is not null && _rules.ConfigOps[effect.A].WholeFlow)
            {
                _flow.Variables.LoggingDisabled = true;
            }

            return;
        }

        if (effect.Kind == EffectKind.Config)
        {
            // As if every logger had written it already.
            transaction.LoggedMask = uint.MaxValue;
        }

        if (effect.Kind == EffectKind.StoreCertificate)
        {
            transaction.RequestCertificates(_packet.Direction);
        }

        if (effect.Kind == EffectKind.StoreFiles)
        {
            // A: 0 the direction inspected, 1 both, 2 to server, 3 to client.
            uint sid = _rules.Infos[effect.B].Sid;
            Direction here = _packet.Direction;
            if (effect.A is 1 or 2 || (effect.A == 0 && here == Direction.ToServer))
            {
                RequestStore(transaction.FilesToServer, sid);
            }

            if (effect.A is 1 or 3 || (effect.A == 0 && here == Direction.ToClient))
            {
                RequestStore(transaction.FilesToClient, sid);
            }
        }
    }

    private static void RequestStore(FileList? files, uint sid)
    {
        for (int i = 0; i < (files?.Count ?? 0); i++)
        {
            files![i].RequestStore(sid);
        }
    }
}
