using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Control;

/// <summary>
/// What those who give orders share with the guardians. It never travels: an order carries an HMAC of all that it says, so that whoever passes
/// it on, as any guardian may, learns nothing and can change nothing.
/// </summary>
/// <param name="secret">The token.</param>
internal sealed class ControlToken(SharedSecret secret)
{
    /// <summary>So far may the clocks of two machines differ. An order that was overheard can be repeated for as long, and does then what it did.</summary>
    public static readonly TimeSpan AgeMax = TimeSpan.FromMinutes(5);

    /// <summary>Of a guardian without a token.</summary>
    public const string NoneThere =
        "this guardian takes no orders: its options name no control token (cluster.controlTokenFile or cluster.controlTokenVariable)";

    /// <summary>Reads the token that the options name.</summary>
    /// <param name="section">The options.</param>
    /// <param name="problems">Takes a sentence where the named token can't be had.</param>
    /// <returns>Null where none is named, or it can't be had.</returns>
    public static ControlToken? Read(ClusterSection section, List<string> problems) =>
        section.ControlTokenFile.Length == 0 && section.ControlTokenVariable.Length == 0 ? null
        : SharedSecret.Read(
            ("cluster.controlTokenFile", section.ControlTokenFile), ("cluster.controlTokenVariable", section.ControlTokenVariable),
            problems) is { } secret
            ? new ControlToken(secret) : null;

    /// <summary>The order with its proof.</summary>
    public ModeOrder Sign(ModeOrder order) => order with { Proof = ProofOf(order) };

    /// <summary>Why an order is not to be obeyed, in words; null where nothing speaks against it.</summary>
    /// <param name="order">The order.</param>
    /// <param name="nowUtc">The time here.</param>
    public string? ObjectionTo(ModeOrder order, DateTimeOffset nowUtc) =>
        order.Proof.Length == 0 ? "the order shows no control token"
        : !CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(ProofOf(order)), Encoding.UTF8.GetBytes(order.Proof))
            ? "the order shows another control token than this guardian's"
        : (nowUtc - order.At).Duration() > AgeMax
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"the order is of {order.At.UtcDateTime:u}, here it is {nowUtc.UtcDateTime:u}: more than {AgeMax.TotalMinutes:0} minutes apart; set the clocks")
        : null;

    private string ProofOf(ModeOrder order)
    {
        // The lengths keep two texts apart, whatever they hold.
        string said = string.Create(
            CultureInfo.InvariantCulture,
            $"mode-order {order.Id} {(int)order.Mode} {order.FromStep} {order.Job.Value.Length} {order.Reason.Length} {order.Job.Value}{order.Reason}");
        return secret.Sign(order.At.UtcTicks.ToString(CultureInfo.InvariantCulture), Encoding.UTF8.GetBytes(said));
    }
}
