"""The command line of the oracles, and the head of the files of Savings Plans that they write."""

import json
import sys
from pathlib import Path


def run(make, draw, check, usage):
    """Runs `make FOLDER SEED`, `draw COUNT SEED` or `check FOLDER`, which reads the answers as JSON."""
    match sys.argv[1:]:
        case ["make", folder, seed]:
            make(Path(folder), int(seed))
        case ["draw", count, seed]:
            json.dump(draw(int(count), int(seed)), sys.stdout)
        case ["check", folder]:
            check(Path(folder), json.load(sys.stdin))
        case _:
            sys.exit(usage)


def plan_head(day):
    """Returns the first lines of AWS's file of Savings Plan rates that was published on a day."""
    return [
        "FormatVersion,v1.0", "Disclaimer,none", f"Publication Date,{day}T00:00:00Z", "Version,1",
        "OfferCode,AmazonComputeSavingsPlan",
        "SKU,RateCode,Unit,EffectiveDate,DiscountedRate,Currency,DiscountedSKU,DiscountedServiceCode,"
        "DiscountedUsageType,DiscountedOperation,PurchaseOption,LeaseContractLength,LeaseContractLengthUnit,"
        "Product Family,DiscountedRegionCode,DiscountedInstanceType",
    ]
