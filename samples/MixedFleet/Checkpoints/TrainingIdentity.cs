using System.Globalization;
using MixedFleet.Model;

namespace MixedFleet.Checkpoints;

/// <summary>What a training state belongs to: everything that decides which numbers a job computes, whatever it runs on.</summary>
/// <param name="Seed">Of weights and samples.</param>
/// <param name="TextFingerprint">Of the text's bytes.</param>
/// <param name="ContextBytes">Of the model.</param>
/// <param name="EmbeddingWidth">Of the model.</param>
/// <param name="HiddenWidth">Of the model.</param>
/// <param name="Samples">Of a micro-batch.</param>
/// <param name="MicroBatches">M, of a global batch.</param>
/// <param name="Slots">Ranks that the job began with.</param>
internal sealed record TrainingIdentity(
    ulong Seed, ulong TextFingerprint, int ContextBytes, int EmbeddingWidth, int HiddenWidth, int Samples, int MicroBatches, int Slots)
{
    /// <summary>Names a job.</summary>
    public static TrainingIdentity Of(ModelShape shape, ulong seed, ulong textFingerprint, int microBatches, int slots)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new TrainingIdentity(
            seed, textFingerprint, shape.ContextBytes, shape.EmbeddingWidth, shape.HiddenWidth, shape.Samples, microBatches, slots);
    }

    /// <summary>Why a state of another job is none of this one: a sentence for each field that differs; none where it is the same job.</summary>
    public IReadOnlyList<string> DifferencesTo(TrainingIdentity written)
    {
        ArgumentNullException.ThrowIfNull(written);
        List<string> differences = [];
        void Hold(string field, FormattableString found, FormattableString wanted, bool isEqual)
        {
            if (!isEqual)
            {
                differences.Add(
                    $"{field}: it was written with {found.ToString(CultureInfo.InvariantCulture)}, this run has {wanted.ToString(CultureInfo.InvariantCulture)}");
            }
        }

        Hold("--seed", $"{written.Seed}", $"{Seed}", written.Seed == Seed);
        Hold("--micro-batches", $"{written.MicroBatches}", $"{MicroBatches}", written.MicroBatches == MicroBatches);
        Hold("ranks of the fleet", $"{written.Slots}", $"{Slots}", written.Slots == Slots);
        Hold("text", $"one of fingerprint {written.TextFingerprint:x16}", $"{TextFingerprint:x16}", written.TextFingerprint == TextFingerprint);
        Hold(
            "model (context, embedding, hidden units, samples of a micro-batch)",
            $"{written.ContextBytes}, {written.EmbeddingWidth}, {written.HiddenWidth}, {written.Samples}",
            $"{ContextBytes}, {EmbeddingWidth}, {HiddenWidth}, {Samples}",
            (written.ContextBytes, written.EmbeddingWidth, written.HiddenWidth, written.Samples)
            == (ContextBytes, EmbeddingWidth, HiddenWidth, Samples));
        return differences;
    }
}
